"""Write docs/openapi.json anew: `.venv/bin/python -m tests.server.write_openapi`."""

import json
import tempfile
from pathlib import Path

from tests.server.house import open_house

PAGE = Path(__file__).parents[2] / "docs" / "openapi.json"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, open_house("sqlite://", Path(folder)) as house:
        text = json.dumps(house.app.openapi(), ensure_ascii=False, indent=1, sort_keys=True)
    PAGE.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
