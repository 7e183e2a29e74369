"""Profiles whose algorithms are declared and confirmed by nobody: said aloud, and refused in production."""

from __future__ import annotations

import sys
from typing import Final

from card.files.profile import Profile
from keys.errors import UnverifiedProfileError

PRODUCTION: Final = "production"
_announced: set[str] = set()


def admit(profile: Profile, deployment: str) -> None:
    """Say once on stderr that a profile is unverified; refuse it in production with UnverifiedProfileError."""
    if profile.verified and profile.crypto.verified:
        return
    if deployment == PRODUCTION:
        raise UnverifiedProfileError(profile.name)
    if profile.name not in _announced:
        _announced.add(profile.name)
        sys.stderr.write(
            f"onecard: profile {profile.name}: its algorithms are DECLARED by this project and verified by nobody.\n"
            f"onecard: 卡片规范 {profile.name}：算法为本项目自行约定，未经验证，不得用于正式环境。\n"
        )
