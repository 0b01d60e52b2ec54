-- TelegramForwarder (Heavrnl/TelegramForwarder), db/forward.db as models/models.py at bc53fe1 makes it;
-- SQLAlchemy writes enumerations by their names.
create table chats (
  id integer primary key, telegram_chat_id varchar not null unique, name varchar, current_add_id varchar
);
create table forward_rules (
  id integer primary key, source_chat_id integer not null, target_chat_id integer not null,
  forward_mode varchar(24) not null, use_bot boolean, message_mode varchar(8) not null,
  is_replace boolean, is_preview varchar(6) not null, is_original_link boolean, is_ufb boolean,
  ufb_domain varchar, ufb_item varchar, is_delete_original boolean, is_original_sender boolean,
  userinfo_template varchar, time_template varchar, original_link_template varchar,
  is_original_time boolean, add_mode varchar(9) not null, enable_rule boolean,
  is_filter_user_info boolean, handle_mode varchar(7) not null, enable_comment_button boolean,
  enable_media_type_filter boolean, enable_media_size_filter boolean, max_media_size integer,
  is_send_over_media_size_message boolean, enable_extension_filter boolean,
  extension_filter_mode varchar(9) not null, enable_reverse_blacklist boolean,
  enable_reverse_whitelist boolean, media_allow_text boolean, enable_push boolean,
  enable_only_push boolean, is_ai boolean, ai_model varchar, ai_prompt varchar,
  enable_ai_upload_image boolean, is_summary boolean, summary_time varchar(5), summary_prompt varchar,
  is_keyword_after_ai boolean, is_top_summary boolean, enable_delay boolean, delay_seconds integer,
  only_rss boolean, enable_sync boolean
);
create table keywords (
  id integer primary key, rule_id integer not null, keyword varchar, is_regex boolean, is_blacklist boolean
);
create table replace_rules (
  id integer primary key, rule_id integer not null, pattern varchar not null, content varchar
);
create table media_types (
  id integer primary key, rule_id integer not null unique, photo boolean, document boolean,
  video boolean, audio boolean, voice boolean
);
create table push_configs (
  id integer primary key, rule_id integer not null, enable_push_channel boolean,
  push_channel varchar not null, media_send_mode varchar not null
);
create table users (id integer primary key, username varchar not null, password varchar not null);

insert into chats (id, telegram_chat_id, name) values
  (1, '1111111111', 'News'), (2, '2222222222', 'Mirror'), (3, '-1003333333333', 'Sport'),
  (4, '4444444444', 'Talk'), (5, '5555555555', 'Archive');
insert into forward_rules (
  id, source_chat_id, target_chat_id, forward_mode, use_bot, message_mode, is_replace, is_preview,
  add_mode, enable_rule, handle_mode, extension_filter_mode, enable_media_type_filter,
  enable_media_size_filter, is_ai, ai_prompt, enable_push, enable_reverse_blacklist,
  enable_reverse_whitelist
) values
  (1, 1, 2, 'BLACKLIST', 1, 'MARKDOWN', 1, 'FOLLOW', 'BLACKLIST', 1, 'FORWARD', 'BLACKLIST', 1, 1, 0, null, 0, 0, 0),
  (2, 3, 2, 'WHITELIST_THEN_BLACKLIST', 0, 'MARKDOWN', 0, 'FOLLOW', 'BLACKLIST', 1, 'FORWARD', 'BLACKLIST', 0, 0, 1, 'invented prompt', 1, 0, 0),
  (3, 4, 2, 'WHITELIST', 1, 'MARKDOWN', 0, 'FOLLOW', 'BLACKLIST', 0, 'FORWARD', 'BLACKLIST', 0, 0, 0, null, 0, 1, 0),
  (4, 5, 2, 'BLACKLIST', 1, 'MARKDOWN', 0, 'FOLLOW', 'BLACKLIST', 1, 'EDIT', 'BLACKLIST', 0, 0, 0, null, 0, 0, 0),
  (5, 5, 4, 'BLACKLIST', 0, 'MARKDOWN', 0, 'FOLLOW', 'BLACKLIST', 1, 'FORWARD', 'BLACKLIST', 0, 0, 0, null, 0, 0, 0);
insert into keywords (rule_id, keyword, is_regex, is_blacklist) values
  (1, 'advert', 0, 1), (1, '\bcasino\b', 1, 1),
  (2, 'goal', 0, 0), (2, 'rumour', 0, 1),
  (3, 'only this', 0, 0), (3, 'and this', 0, 1),
  (5, '(unclosed', 1, 1);
insert into replace_rules (rule_id, pattern, content) values
  (1, '@(\w+)_old', '@\1_new'), (1, 'remove me', null);
insert into media_types (rule_id, photo, document, video, audio, voice) values (1, 0, 0, 1, 0, 1);
insert into push_configs (rule_id, enable_push_channel, push_channel, media_send_mode) values
  (2, 1, 'tgram://7000000011:invented_push_secret/1', 'Single');
insert into users (username, password) values ('admin', 'invented-password-hash');
