"""The configuration: one TOML file, validated with the line of every mistake.

Owns its tables and what they mean to the actors. Leaves starting anything to the warden.
"""

from __future__ import annotations

from .model import (
    Config,
    ConsoleConfig,
    FilterConfig,
    HealthConfig,
    LoopbackAccount,
    LoopbackChat,
    LoopbackConfig,
    PacingConfig,
    PairConfig,
    ProxyConfig,
    RecoveryConfig,
    RegistryConfig,
    ReplaceConfig,
    Secret,
    SessionConfig,
    StorageConfig,
    SupervisionConfig,
    TelegramConfig,
    load_config,
    parse_config,
    parse_pair,
)

__all__ = [
    "Config",
    "ConsoleConfig",
    "FilterConfig",
    "HealthConfig",
    "LoopbackAccount",
    "LoopbackChat",
    "LoopbackConfig",
    "PacingConfig",
    "PairConfig",
    "ProxyConfig",
    "RecoveryConfig",
    "RegistryConfig",
    "ReplaceConfig",
    "Secret",
    "SessionConfig",
    "StorageConfig",
    "SupervisionConfig",
    "TelegramConfig",
    "load_config",
    "parse_config",
    "parse_pair",
]
