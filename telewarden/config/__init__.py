"""The configuration: one TOML file, validated with the line of every mistake.

Owns its tables and what they mean to the actors. Leaves starting anything to the warden.
"""

from __future__ import annotations

from .loopback import LoopbackAccount, LoopbackBot, LoopbackChat, LoopbackConfig
from .model import Config, load_config, parse_config, parse_pair
from .notify import NotifyConfig
from .pairs import FilterConfig, PairConfig, ReplaceConfig
from .proxies import ProxyConfig
from .secrets import Secret
from .share import ProgramConfig, ShareConfig
from .tables import (
    BotConfig,
    BotUser,
    ConsoleConfig,
    HealthConfig,
    LogConfig,
    MetricsConfig,
    PacingConfig,
    RecoveryConfig,
    RegistryConfig,
    SessionConfig,
    StorageConfig,
    SupervisionConfig,
    TelegramConfig,
)

__all__ = [
    "BotConfig",
    "BotUser",
    "Config",
    "ConsoleConfig",
    "FilterConfig",
    "HealthConfig",
    "LogConfig",
    "LoopbackAccount",
    "LoopbackBot",
    "LoopbackChat",
    "LoopbackConfig",
    "MetricsConfig",
    "NotifyConfig",
    "PacingConfig",
    "PairConfig",
    "ProgramConfig",
    "ProxyConfig",
    "RecoveryConfig",
    "RegistryConfig",
    "ReplaceConfig",
    "Secret",
    "SessionConfig",
    "ShareConfig",
    "StorageConfig",
    "SupervisionConfig",
    "TelegramConfig",
    "load_config",
    "parse_config",
    "parse_pair",
]
