"""The commands as a person types them: output, exit status, and no traceback."""

import json
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from keys.cli import code_show, code_verify, keys_tree
from keys.code.sign import AuthorisationRequest, code_issuer, root_entry, stand_in_user_key
from keys.code.trust_list import trust_header
from keys.database import migrate, open_engine
from keys.facts import seal_bundle
from keys.registry import EcardMaterial, Registry
from keys.settings import KeysConfig, keep_test_seed, load_config, open_test_store, seed_from_number
from tests.keys.code.maker import AREA, NOW_MS, PSEUDONYM, SERIAL, flip

CARD_NO = "X00000019"


class _Signer:
    def __init__(self, config: KeysConfig) -> None:
        self._store = open_test_store(config)

    def sign(self, message: bytes) -> bytes:
        return self._store.sign("facts/signer", message)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with one e-card, and a trust bundle beside it."""
    config = KeysConfig(data_dir=tmp_path)
    keep_test_seed(config, seed_from_number(7))
    store = open_test_store(config)
    engine = open_engine(config.database_url)
    migrate(engine)
    issuer, key = code_issuer(store), stand_in_user_key(store, SERIAL)
    body = issuer.authorise(AuthorisationRequest(SERIAL, PSEUDONYM, key.public, AREA, issuer.expiry_ms(NOW_MS)))
    registry = Registry(engine)
    registry.record_keys(store.key_facts(), NOW_MS)
    registry.save_ecard(EcardMaterial(SERIAL, "ab" * 16, CARD_NO, 1, body.body, body.expires_ms))
    bundle = seal_bundle(_Signer(config), trust_header("460000", 1, NOW_MS, 86_400), [root_entry(store).to_entry()])
    (tmp_path / "trust.json").write_text(json.dumps(bundle), "utf-8")
    return tmp_path


def show(data: Path, name: str = "code.bin", at: int = NOW_MS) -> Path:
    out = data / name
    assert code_show(["--card", CARD_NO, "--out", str(out), "--data", str(data), "--at", str(at)]) == 0
    return out


def verify(data: Path, file: Path, *more: str, at: int = NOW_MS) -> int:
    return code_verify([str(file), "--trust", str(data / "trust.json"), "--at", str(at), *more])


def test_a_shown_code_verifies(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = show(data)
    capsys.readouterr()
    assert verify(data, file, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"ok", "code", "account", "expires", "checks"}
    assert (answer["ok"], answer["code"], answer["account"]) == (True, "", SERIAL)
    assert answer["expires"] == "2026-11-30T09:03:20+08:00"
    assert [(line["n"], line["ok"]) for line in answer["checks"]] == [(n, True) for n in range(1, 13)]


def test_a_changed_code_is_answered_no(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = show(data)
    file.write_bytes(flip(file.read_bytes(), 130))
    assert verify(data, file, "--json") == 1
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (answer["ok"], answer["code"]) == (False, "E-CODE-ISSUER-SIGNATURE")
    assert answer["checks"][-1] == {"n": 11, "name": "issuer signature", "ok": False}
    assert verify(data, file) == 1
    out = capsys.readouterr().out
    assert "下一步" in out and "E-CODE-ISSUER-SIGNATURE" in out


def test_the_picture_holds_the_bytes(data: Path) -> None:
    picture = show(data, "code.png")
    found = zxingcpp.read_barcodes(Image.open(picture))
    assert len(found) == 1
    (data / "scanned.bin").write_bytes(found[0].bytes)
    assert len(found[0].bytes) == 344 and verify(data, data / "scanned.bin") == 0


def test_the_bundle_is_checked_when_the_facts_key_is_named(data: Path) -> None:
    file = show(data)
    store = open_test_store(KeysConfig(data_dir=data))
    genuine, other = (store.public_key(label).raw().hex() for label in ("facts/signer", "code/root-1"))
    assert verify(data, file, "--facts-key", genuine) == 0
    assert verify(data, file, "--facts-key", other) == 2
    assert verify(data, file, "--facts-key", "zz") == 2


def test_an_old_trust_bundle_cannot_be_used(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = show(data)
    assert verify(data, file, at=NOW_MS + 86_401_000) == 2
    assert "E-FACTS-OLD" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["file", "trust"])
def test_a_missing_file_is_said_in_one_line(data: Path, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = show(data)
    (file if missing == "file" else data / "trust.json").unlink()
    capsys.readouterr()
    assert verify(data, file) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) <= 2


def test_show_says_what_is_wrong(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--out", str(data / "x.bin"), "--data"]
    assert code_show(["--card", "X00000027", *common, str(data)]) == 2
    assert code_show(["--card", CARD_NO, *common, str(tmp_path / "nowhere")]) == 2
    assert code_show(["--card", CARD_NO, *common, str(data), "--at", "soon"]) == 2
    assert code_show(["--card", CARD_NO, "--out", str(data / "no" / "x.bin"), "--data", str(data)]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [code_show, code_verify])
def test_wrong_usage_is_64(command: object) -> None:
    assert callable(command)
    with pytest.raises(SystemExit) as caught:
        command(["--nonsense"])
    assert caught.value.code == 64


def test_the_tree_shows_check_values_and_no_key(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys_tree(["--data", str(data), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    store = open_test_store(KeysConfig(data_dir=data))
    assert {row["label"]: row["kcv"] for row in answer["keys"]} == {
        facts.label: facts.kcv.hex() for facts in store.key_facts()
    }
    assert keys_tree(["--data", str(data)]) == 0
    text = capsys.readouterr().out
    assert "社会保障卡" in text and "root → city → card" in text
    seed = (data / "test-keys.seed").read_text("ascii").strip()
    assert seed not in text + json.dumps(answer)


def test_the_seed_file_is_its_owners_and_not_for_production(tmp_path: Path) -> None:
    keep_test_seed(KeysConfig(data_dir=tmp_path), seed_from_number(1))
    assert (tmp_path / "test-keys.seed").stat().st_mode & 0o777 == 0o600
    (tmp_path / "one.toml").write_text('[keys]\nprofile = "production"\n', "utf-8")
    config = load_config(tmp_path / "one.toml")
    assert keys_tree(["--config", str(tmp_path / "one.toml"), "--data", str(tmp_path)]) == 2
    assert config.profile == "production"
