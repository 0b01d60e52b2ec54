"""Forum topics: created, renamed, closed, listed, deleted with their messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Chat, Message, Topic
from ..world.rendering import View
from ..world.rights import require_admin, require_send
from ..world.update_events import Draft
from .base import Handlers

_COLOR: Final = 0x6FB9F0  # the first of the colours that Telegram offers


def create_topic(call: Call, request: Any) -> Any:
    """A new topic; the message that says so lends it its id."""
    chat = _forum(call, request.peer)
    require_send(call.world, chat, call.me)
    if not request.title:
        raise RpcError("TOPIC_TITLE_EMPTY")
    call.world.refuse_repeats(call.me, [request.random_id])
    color = request.icon_color or _COLOR
    topic = Topic(
        id=chat.next_message_id,
        title=request.title,
        icon_color=color,
        creator_id=call.me.id,
        date=call.world.now(),
    )
    chat.topics[topic.id] = topic
    action = types.MessageActionTopicCreate(title=request.title, icon_color=color)
    draft = Draft(action=action, random_id=request.random_id)
    happenings = call.delivery.post(chat, call.me, [draft], call.conversation)
    return call.delivery.answer(call.me, happenings)


def edit_topic(call: Call, request: Any) -> Any:
    """Another title, or closed, or open again."""
    chat = _forum(call, request.peer)
    topic = _topic(chat, request.topic_id)
    if topic.creator_id != call.me.id:
        require_admin(chat, call.me, "manage_topics")
    if request.title is None and request.closed in (None, topic.closed):
        raise RpcError("TOPIC_NOT_MODIFIED")
    topic.title = request.title or topic.title
    topic.closed = topic.closed if request.closed is None else bool(request.closed)
    action = types.MessageActionTopicEdit(title=request.title, closed=request.closed)
    draft = Draft(action=action, topic_id=topic.id)
    happenings = call.delivery.post(chat, call.me, [draft], call.conversation)
    return call.delivery.answer(call.me, happenings)


def get_topics(call: Call, request: Any) -> Any:
    """The topics, latest first."""
    chat = _forum(call, request.peer)
    query = (request.q or "").lower()
    living = [t for t in chat.topics.values() if not t.deleted and query in t.title.lower()]
    ordered = sorted(living, key=lambda t: top.id if (top := _top(chat, t)) else t.id)
    return _bundle(call, chat, list(reversed(ordered))[: request.limit or 100], len(living))


def get_topics_by_id(call: Call, request: Any) -> Any:
    """Topics by id; those deleted are said to be."""
    chat = _forum(call, request.peer)
    found = [chat.topics[i] for i in request.topics if i in chat.topics]
    return _bundle(call, chat, found, len(found))


def delete_topic(call: Call, request: Any) -> Any:
    """A topic and everything in it."""
    chat = _forum(call, request.peer)
    topic = _topic(chat, request.top_msg_id)
    if topic.creator_id != call.me.id:
        require_admin(chat, call.me, "delete_messages")
    topic.deleted = True
    doomed = [m for m in chat.messages if m.topic_id == topic.id or m.id == topic.id]
    event = call.delivery.delete_from_channel(chat, doomed, call.conversation)
    return types.messages.AffectedHistory(chat.feed.pts, event.count if event else 0, 0)


def _forum(call: Call, given: Any) -> Chat:
    chat = call.peers.chat(given)
    if not chat.forum:
        raise RpcError("CHANNEL_FORUM_MISSING")
    return chat


def _topic(chat: Chat, topic_id: int) -> Topic:
    topic = chat.topics.get(topic_id)
    if topic is None or topic.deleted:
        raise RpcError("TOPIC_ID_INVALID")
    return topic


def _top(chat: Chat, topic: Topic) -> Message | None:
    newest = (m for m in reversed(chat.messages) if topic.id in (m.topic_id, m.id))
    return next(newest, None)


def _bundle(call: Call, chat: Chat, topics: Iterable[Topic], count: int) -> Any:
    view = View(call.world, call.me)
    view.mention(chat)
    rendered, messages = [], []
    for topic in topics:
        rendered.append(_rendered(view, chat, topic))
        messages += [view.message(m) for m in [_top(chat, topic)] if m is not None]
    return types.messages.ForumTopics(
        count, rendered, messages, view.chats, view.users, chat.feed.pts
    )


def _rendered(view: View, chat: Chat, topic: Topic) -> Any:
    if topic.deleted:
        return types.ForumTopicDeleted(topic.id)
    top = _top(chat, topic)
    view.mention(view.world.accounts.get(topic.creator_id))
    return types.ForumTopic(
        id=topic.id,
        date=topic.date,
        peer=types.PeerChannel(chat.id),
        title=topic.title,
        icon_color=topic.icon_color,
        top_message=top.id if top is not None else topic.id,
        read_inbox_max_id=0,
        read_outbox_max_id=0,
        unread_count=0,
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        from_id=types.PeerUser(topic.creator_id),
        notify_settings=types.PeerNotifySettings(),
        my=topic.creator_id == view.me.id or None,
        closed=topic.closed or None,
    )


HANDLERS: Final[Handlers] = {
    functions.messages.CreateForumTopicRequest: create_topic,
    functions.messages.EditForumTopicRequest: edit_topic,
    functions.messages.GetForumTopicsRequest: get_topics,
    functions.messages.GetForumTopicsByIDRequest: get_topics_by_id,
    functions.messages.DeleteTopicHistoryRequest: delete_topic,
}
