"""GET /me: who the token belongs to, and the workspace."""

from typing import Any

from intercom_emulator.answers import encode
from intercom_emulator.endpoints.ask import Ask, Reply


def show_me(ask: Ask) -> Reply:
    """Answer GET /me."""
    settings = ask.settings
    app: dict[str, Any] = {
        "type": "app",
        "id_code": settings.workspace_id,
        "name": "Emulated",
        "created_at": 1_611_540_000,
    }
    app |= {"secure": False, "identity_verification": False}
    app |= {"timezone": settings.timezone, "region": settings.region}
    admin: dict[str, Any] = {
        "type": "admin",
        "id": "991267459",
        "email": "admin@example.com",
        "name": "Emulated Admin",
    }
    avatar = {"type": "avatar", "image_url": "https://static.example.com/128.png"}
    admin |= {"email_verified": True, "app": app if settings.app_present else None, "avatar": avatar}
    return 200, encode(admin | {"has_inbox_seat": True})
