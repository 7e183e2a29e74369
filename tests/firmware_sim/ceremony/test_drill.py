"""Every policy of up to five parts, every set of holders: within the policy the keys come back, below it never."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from card.domain.entropy import SeededEntropy, SystemEntropy
from firmware_sim.ceremony.drill import DrillError, drill, force, forced, recovery_of
from firmware_sim.ceremony.table import MemoryCards, RackCards, RehearsedTable
from firmware_sim.installed import find_chromium
from firmware_sim.rack import DirectRack, PcscRack
from keys.ceremony.custody_card import ERASED, WRITTEN, CustodyCard
from keys.ceremony.errors import PlanError, RehearsalError, UsedError, VoidError
from keys.ceremony.holding import ceremony_folder, hold
from keys.ceremony.minutes import print_pdf, write_minutes
from keys.ceremony.parts import xor
from keys.ceremony.plan import Plan, checked_plan
from keys.ceremony.recovery import recover
from keys.ceremony.standing import artefact_of, standing
from keys.ceremony.taking import read_card
from keys.errors import ProductionRefusedError
from keys.hsm_software import SoftwareHsm
from keys.kcv import kcv
from tests.keys.ceremony.documents import example, policy, reviewed
from tests.required import missing

POLICIES = [("shares", parts, need) for parts in range(2, 6) for need in range(2, parts + 1)]
POLICIES += [("components", parts, parts) for parts in range(2, 6)]


@pytest.fixture
def store() -> SoftwareHsm:
    return SoftwareHsm.from_seed(b"ceremony tests 1", "test")


def held(plan: Plan, out: Path, seed: int = 1) -> tuple[RehearsedTable, Path]:
    """A closed ceremony on cards in memory, and its folder."""
    table = RehearsedTable(plan, MemoryCards(), seed)
    table.new_cards(plan)
    return table, hold(plan, out, table.room).folder


@pytest.mark.parametrize(("kind", "parts", "need"), POLICIES)
def test_every_set_of_every_policy(kind: str, parts: int, need: int, tmp_path: Path, store: SoftwareHsm) -> None:
    plan = policy(kind, parts, need)
    found = drill(plan, tmp_path, RehearsedTable(plan, MemoryCards(), 10 * parts + need), store)
    within = sum(1 for chosen in range(1, 2**parts) if chosen.bit_count() >= need)
    assert (found.recovered, found.refused) == (within, 2**parts - 1 - within)
    assert set(found.kcvs) == {"store/KEK", "ssc/IRK", "ssc-sm4/IRK"}


@pytest.mark.parametrize(("algorithm", "size"), [("3des", 16), ("3des", 24), ("sm4", 16), ("aes", 16), ("aes", 24)])
@pytest.mark.parametrize("kind", ["shares", "components"])
def test_any_algorithm(kind: str, algorithm: str, size: int, tmp_path: Path, store: SoftwareHsm) -> None:
    document = example()
    document["scheme"] = {"kind": kind, "parts": 2, "need": 2}
    document["holder"] = document["holder"][:2]
    document["key"] = [document["key"][0] | {"label": "store/K", "algorithm": algorithm, "bytes": size}]
    plan = checked_plan(reviewed(document))
    assert drill(plan, tmp_path, RehearsedTable(plan, MemoryCards(), 3), store).recovered == 1


@pytest.mark.parametrize("kind", ["components", "shares"])
def test_the_judge_can_say_no(kind: str, tmp_path: Path) -> None:
    """Parts below the policy are really put together: were they the key, the drill would fail."""
    plan = policy(kind, 3, 3)
    table, _ = held(plan, tmp_path)
    two = [read_card(table.room, one.serial, plan.name(one.person), 1)[0].value for one in plan.holders[:2]]
    given = forced(plan.scheme, two)
    assert given == (xor(two) if kind == "components" else b"")
    if given:
        with pytest.raises(DrillError):
            force(plan, plan.holders[:2], {"store/KEK": kcv("aes", given).hex()}, table)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    made = [held(plan, tmp_path / str(run), seed)[1] for run, seed in enumerate((1, 1, 2))]
    files = [sorted((path.name, path.read_bytes()) for path in folder.iterdir()) for folder in made]
    assert files[0] == files[1] != files[2]


def test_no_secret_is_in_what_a_ceremony_leaves(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    table, folder = held(plan, tmp_path)
    recovered = recover(recovery_of(plan, plan.holders, 0), folder, tmp_path, table.room)
    write_minutes(plan, standing(folder), folder / "minutes.html")
    left = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()).lower()
    secrets = [key.reveal() for key in recovered.keys.values()]
    for holder in plan.holders:
        secrets += [part.value for part in read_card(table.room, holder.serial, plan.name(holder.person), 1)]
    assert len(secrets) == 6
    for secret in secrets:
        assert secret not in left
        assert secret.hex().encode() not in left
    for pin in table.desk.pins.values():
        assert pin.encode() not in left
    for sheet in table.printer.sheets.values():
        assert not any(line.lower().encode() in left or line not in sheet.text() for line in sheet.lines)
        assert sheet.lines[0] not in repr(sheet)


def test_everything_of_a_rehearsal_is_marked(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    table = RehearsedTable(plan, MemoryCards(), 1, tmp_path / "sheets")
    table.new_cards(plan)
    folder = hold(plan, tmp_path, table.room).folder
    page = write_minutes(plan, standing(folder), folder / "m.html").read_text("utf-8")
    assert "REHEARSAL" in folder.name
    assert all("REHEARSAL" in line for line in (folder / "transcript.jsonl").read_text("utf-8").splitlines())
    assert artefact_of(folder).document["mark"] == "REHEARSAL"
    sheets = list((tmp_path / "sheets").iterdir())
    assert sheets
    assert all("REHEARSAL" in path.name and path.read_text("utf-8").count("REHEARSAL") == 2 for path in sheets)
    assert page.count("REHEARSAL") >= 2


def test_the_minutes_say_who_what_when(tmp_path: Path) -> None:
    plan = policy("shares", 3, 2)
    _, folder = held(plan, tmp_path)
    found = standing(folder)
    page = write_minutes(plan, found, folder / "m.html").read_text("utf-8")
    wanted = [one.name for one in plan.persons] + [one.serial for one in plan.holders] + ["E-0001", "2026-12-01"]
    wanted += [str(row["kcv"]).upper() for row in artefact_of(folder).keys] + [plan.digest.hex(), found.head]
    wanted += [row["check"] for row in artefact_of(folder).keys[0]["parts"]]
    assert not [text for text in wanted if text not in page]


@pytest.mark.browser
def test_the_minutes_as_pdf(tmp_path: Path) -> None:
    browser = find_chromium()
    if browser is None:
        missing("browser", "no Chromium")
    plan = policy("shares", 3, 2)
    _, folder = held(plan, tmp_path)
    page = write_minutes(plan, standing(folder), folder / "m.html")
    assert print_pdf(page, tmp_path / "no-such-browser") is None
    pdf = print_pdf(page, browser)
    assert pdf is not None
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert pdf.stat().st_size > 20_000, "a page with text on it"


def test_the_registry_takes_the_rows_but_never_those_of_a_rehearsal(tmp_path: Path) -> None:
    _, folder = held(policy("shares", 2, 2), tmp_path)
    artefact = artefact_of(folder)
    assert [facts.label for facts in artefact.accept("demo")] == ["store/KEK", "ssc/IRK", "ssc-sm4/IRK"]
    with pytest.raises(RehearsalError):
        artefact.accept("production")


def test_rehearsal_and_production_do_not_meet(tmp_path: Path) -> None:
    plan = policy("shares", 2, 2)
    table = RehearsedTable(plan, MemoryCards(), 1)
    with pytest.raises(RehearsalError):
        hold(plan, tmp_path, replace(table.room, profile="production"))
    document = example()
    document["ceremony"] |= {"mode": "production", "printer": "/dev/null"}
    real = checked_plan(reviewed(document))
    with pytest.raises(RehearsalError):
        hold(real, tmp_path, table.room)
    with pytest.raises(ProductionRefusedError):
        hold(real, tmp_path, replace(table.room, profile="production"))  # seeded chance
    assert not list(tmp_path.iterdir()), "nothing was begun"
    table.new_cards(real)
    room = replace(table.room, profile="production", entropy=SystemEntropy())
    with pytest.raises(VoidError, match="E-PRODUCTION-REFUSED"):
        hold(real, tmp_path, room)  # cards in software
    assert not standing(ceremony_folder(tmp_path, real.head.id, rehearsal=False)).closed


def test_a_number_is_used_once(tmp_path: Path) -> None:
    plan = policy("shares", 2, 2)
    table, _ = held(plan, tmp_path)
    with pytest.raises(UsedError):
        hold(plan, tmp_path, table.room)


def test_an_exchanged_share_is_found_by_its_commitment(tmp_path: Path) -> None:
    """A part of another ceremony, right in every other way, written on a card of the right number."""
    plan, other = policy("components", 2, 2), policy("components", 2, 2, "T-2")
    table, folder = held(plan, tmp_path)
    wrong, _ = held(other, tmp_path, seed=2)
    for cards, pins in ((wrong.cards, wrong.desk.pins),):
        table.cards.kept["4D43000000000002"] = cards.kept["4D43000000000002"]
        table.desk.pins[plan.name("c2")] = pins[plan.name("c2")]
    with pytest.raises(VoidError, match="E-CUSTODY-CARD"):
        recover(recovery_of(plan, plan.holders, 0), folder, tmp_path, table.room)
    part = read_card(table.room, "4D43000000000002", plan.name("c2"), 1)[0]
    forged = replace(part, ceremony=plan.head.id)
    table.cards.kept["4D43000000000002"].append({"slot/1": forged.to_bytes()})
    with pytest.raises(VoidError, match="E-CEREMONY-PART"):
        recover(recovery_of(plan, plan.holders, 2), folder, tmp_path, table.room)


def test_a_changed_artefact_is_not_opened(tmp_path: Path) -> None:
    plan = policy("shares", 2, 2)
    table, folder = held(plan, tmp_path)
    path = standing(folder).path
    assert path is not None
    document = json.loads(path.read_bytes())
    document["scheme"]["need"] = 1
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(PlanError, match="not the artefact"):
        recover(recovery_of(plan, plan.holders, 0), folder, tmp_path, table.room)


def test_transport_cards_are_emptied_when_a_store_has_the_keys(tmp_path: Path, store: SoftwareHsm) -> None:
    plan = policy("shares", 5, 3)
    table, folder = held(plan, tmp_path)
    again = recovery_of(plan, plan.holders[1:4], 0)
    emptying = replace(again, head=msgspec.structs.replace(again.head, empty_cards=True))
    with pytest.raises(PlanError, match="no store"):
        recover(emptying, folder, tmp_path, table.room)
    recovered = recover(emptying, folder, tmp_path, table.room, store)
    stored = {(facts.label, facts.version): facts.kcv for facts in store.key_facts()}
    assert stored["ssc/IRK", 2] == recovered.keys["ssc/IRK"].kcv
    for holder in plan.holders[1:4]:
        state = CustodyCard(table.cards.insert(holder.serial)).state()
        assert state.slots[0] == (ERASED if holder.card == "transport" else WRITTEN)
    what = [record["what"] for record in standing(recovered.folder).records]
    assert what[-4:] == ["keys-stored", "card-emptying", "card-emptied", "closed"]


def test_cards_in_files_on_a_rack(tmp_path: Path, store: SoftwareHsm) -> None:
    plan = policy("shares", 3, 2)
    cards = RackCards(DirectRack(SeededEntropy(1)), tmp_path)
    assert drill(plan, tmp_path / "out", RehearsedTable(plan, cards, 1), store).recovered == 4
    cards.close()


@pytest.mark.pcsc
def test_behind_the_real_daemon(tmp_path: Path, pcsc_rack: PcscRack, store: SoftwareHsm) -> None:
    plan = policy("components", 2, 2)
    cards = RackCards(pcsc_rack, tmp_path, "encoder-7")
    assert drill(plan, tmp_path / "out", RehearsedTable(plan, cards, 1), store).recovered == 1
    cards.close()
