"""``help.*``: the data centre's configuration and neighbours."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from .base import Handlers

_LIMITS: Final = {
    # What Telegram itself answers, or near it; Telethon reads nothing of it but dc_options.
    "chat_size_max": 200,
    "megagroup_size_max": 200_000,
    "forwarded_count_max": 100,
    "online_update_period_ms": 210_000,
    "offline_blur_timeout_ms": 5_000,
    "offline_idle_timeout_ms": 30_000,
    "online_cloud_timeout_ms": 300_000,
    "notify_cloud_delay_ms": 30_000,
    "notify_default_delay_ms": 1_500,
    "push_chat_period_ms": 60_000,
    "push_chat_limit": 2,
    "edit_time_limit": 172_800,
    "revoke_time_limit": 2_147_483_647,
    "revoke_pm_time_limit": 2_147_483_647,
    "rating_e_decay": 2_419_200,
    "stickers_recent_limit": 200,
    "channels_read_media_period": 604_800,
    "call_receive_timeout_ms": 20_000,
    "call_ring_timeout_ms": 90_000,
    "call_connect_timeout_ms": 30_000,
    "call_packet_timeout_ms": 10_000,
    "caption_length_max": 1_024,
    "message_length_max": 4_096,
}


def get_config(call: Call, _request: Any) -> Any:
    """Where the data centres are: all of them here."""
    centre = call.centre
    options = [types.DcOption(dc_id, centre.host, port) for dc_id, port in centre.ports.items()]
    now = call.world.now()
    return types.Config(
        date=now,
        expires=now + 3600,
        test_mode=False,
        this_dc=call.authorization.dc_id,
        dc_options=options,
        dc_txt_domain_name="",
        me_url_prefix="",
        webfile_dc_id=call.authorization.dc_id,
        **_LIMITS,
    )


def get_nearest_dc(call: Call, _request: Any) -> Any:
    """This one is the nearest."""
    return types.NearestDc("", call.authorization.dc_id, call.authorization.dc_id)


def get_app_config(call: Call, _request: Any) -> Any:
    """Nothing, but for an account that is frozen: since when, until when, where to appeal."""
    account = call.authorization.account
    frozen = None if account is None else account.frozen
    told = []
    if frozen is not None:
        told = [
            types.JsonObjectValue("freeze_since_date", types.JsonNumber(float(frozen.since))),
            types.JsonObjectValue("freeze_until_date", types.JsonNumber(float(frozen.until))),
            types.JsonObjectValue("freeze_appeal_url", types.JsonString(frozen.appeal_url)),
        ]
    return types.help.AppConfig(0, types.JsonObject(told))


def get_terms_update(call: Call, _request: Any) -> Any:
    """No news for a day."""
    return types.help.TermsOfServiceUpdateEmpty(call.world.now() + 86_400)


def get_cdn_config(_call: Call, _request: Any) -> Any:
    """There is no content delivery network."""
    return types.CdnConfig([])


def bind_temporary_key(_call: Call, _request: Any) -> Any:
    """Temporary keys are not offered; Telethon uses none."""
    raise RpcError("ENCRYPTED_MESSAGE_INVALID")


HANDLERS: Final[Handlers] = {
    functions.help.GetConfigRequest: get_config,
    functions.help.GetNearestDcRequest: get_nearest_dc,
    functions.help.GetAppConfigRequest: get_app_config,
    functions.help.GetTermsOfServiceUpdateRequest: get_terms_update,
    functions.help.GetCdnConfigRequest: get_cdn_config,
    functions.auth.BindTempAuthKeyRequest: bind_temporary_key,
}
