"""Synthetic applicants: any number of rows, the same for the same seed, with the cases a counter must know.

Nobody here exists: every citizen number starts with 460000, the province itself, which is never issued to a person;
telephone numbers start with 1990000, addresses lie in 示例路.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from card.domain.entropy import SeededEntropy
from card.domain.identity import CITIZEN_CHECKS, CITIZEN_WEIGHTS
from card.rules.ages import age_on
from issuance.application.form import COLUMNS
from issuance.population import PopulationAnswer
from issuance.reference import load_reference

DEMO_DAY = date(2026, 11, 23)
NO_REGION = "460000"
BANKS = ("102", "403")
FOREVER = "长期"
ADULT, GUARDED, PHOTO = 18, 16, 7

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗符吉韦邢"
GIVEN = "明华丽秀英敏静强磊洋艳勇军杰娟涛超霞平刚桂兰婷玲辉鹏飞雪梅志伟海珊琼宁安康乐文武"
CITIES = ("460106", "460105", "460108", "460202", "460203", "460100", "460200", "469005", "469002", "460400")
STREETS = ("示例路", "示范街", "样本巷", "演示大道")

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Applicants:
    """Rows of a file, the register answers planted for some numbers, and what each special row should become.

    `expected` maps a 1-based row to a code, or to "" when the row is good.
    """

    rows: tuple[Row, ...] = field(repr=False)
    plants: Mapping[str, PopulationAnswer] = field(default_factory=dict, repr=False)
    expected: Mapping[int, str] = field(default_factory=dict)

    def text(self) -> str:
        """The CSV text with its header."""
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()

    def write(self, path: Path, encoding: str = "utf-8") -> Path:
        """The file, and beside it the planted register answers (`plants_path`) when there are any."""
        path.write_bytes(self.text().encode(encoding))
        if self.plants:
            lines = ["id_no,answer", *(f"{number},{answer.name}" for number, answer in self.plants.items())]
            plants_path(path).write_text("\n".join(lines) + "\n", "utf-8")
        return path


def plants_path(applicants: Path) -> Path:
    """Where the answers planted for an applicants' file stand."""
    return applicants.with_suffix(".population.csv")


def citizen_number(birth: date, order: int, region: str = NO_REGION) -> str:
    """18 characters with a right check digit (GB 11643); odd `order` is male."""
    body = f"{region}{birth:%Y%m%d}{order:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(CITIZEN_WEIGHTS, body, strict=True))
    return body + CITIZEN_CHECKS[total % 11]


def generate(count: int, seed: int, on: date = DEMO_DAY) -> Applicants:
    """`count` rows. From 60 rows on the special cases stand among them; fewer rows are all ordinary and good."""
    maker = _Maker(SeededEntropy(seed, "applicants"), on)
    specials = maker.specials() if count >= 60 else []
    ordinary = [(maker.person(), "") for _ in range(count - len(specials))]
    mixed = _spread(ordinary, specials)
    return Applicants(
        rows=tuple(row for row, _ in mixed),
        plants=maker.plants,
        expected={number: code for number, (_, code) in enumerate(mixed, start=1)},
    )


def _spread(ordinary: Sequence[tuple[Row, str]], specials: Sequence[tuple[Row, str]]) -> list[tuple[Row, str]]:
    """Specials in their order, evenly among the ordinary."""
    mixed = list(ordinary)
    gap = max(1, len(ordinary) // max(1, len(specials)))
    for index, item in enumerate(specials):
        mixed.insert(min(len(mixed), 2 + index * (gap + 1)), item)
    return mixed


class _Maker:
    """Makes rows; remembers which numbers it gave."""

    def __init__(self, entropy: SeededEntropy, on: date) -> None:
        self._entropy = entropy
        self._on = on
        self._made = 0
        self.plants: dict[str, PopulationAnswer] = {}

    def person(self, birth: date | None = None, **other: str) -> Row:
        """A good row: adult unless `birth` says else, portrait and guardian where the age asks for them."""
        self._made += 1
        born = birth or self._birth(ADULT, 85)
        male = self._made % 2
        number = citizen_number(born, 2 * (self._made % 499) + male)
        row = dict.fromkeys(COLUMNS, "")
        row.update(
            name=self._pick(SURNAMES) + self._pick(GIVEN) + (self._pick(GIVEN) if self._below(4) else ""),
            id_type="01",
            id_no=number,
            id_valid_to=FOREVER if age_on(born, self._on) >= 46 else f"{self._on.year + 1 + self._below(15)}0630",
            sex="1" if male else "2",
            nation="19" if self._below(6) == 0 else "01",
            birth_date=f"{born:%Y%m%d}",
            nationality="CHN",
            region=CITIES[self._below(len(CITIES))],
            mobile=f"1990000{self._made:04d}"[:11],
            bank=BANKS[self._made % 2],
            life_status="1",
            photo="auto" if age_on(born, self._on) >= PHOTO else "",
        )
        area = load_reference().areas[load_reference().districts.get(row["region"], row["region"])]
        street = STREETS[self._below(len(STREETS))]
        row["household_address"] = f"海南省{area}{street}{1 + self._below(200)}号"
        row["living_address"] = f"海南省{area}{street}{1 + self._below(200)}号{1 + self._below(30)}室"
        if age_on(born, self._on) < GUARDED:
            row.update(self._guardian(row["name"][0]))
        row.update(other)
        return row

    def specials(self) -> list[tuple[Row, str]]:
        """The cases of the counter's handbook, with the code each must get ("" good)."""
        twice = self.person()
        return [
            *self._ages(),
            *self._names(),
            *self._documents(),
            (twice, ""),
            *self._refused(),
            (dict(twice), "E-OPEN-ORDER"),
        ]

    def _ages(self) -> list[tuple[Row, str]]:
        birthdays = [self._turned(age) for age in (64, 65, 69, 70)]
        tomorrow = [self._turned(age) + timedelta(days=1) for age in (65, 70, 16)]
        fifteen = self.person(self._turned(15) + timedelta(days=40))
        alone = dict.fromkeys(("guardian_name", "guardian_id_type", "guardian_id_no"), "")
        return [
            *((self.person(birth), "") for birth in [*birthdays, *tomorrow]),
            (self.person(self._turned(6) - timedelta(days=300)), ""),  # six years old, no portrait
            (self.person(self._turned(7), photo=""), "E-PHOTO"),  # seven today
            (fifteen, ""),
            (self.person(self._turned(15) - timedelta(days=7), **alone), "E-FIELD"),
            (self.person(self._turned(16)), ""),  # sixteen today, alone
            (self.person(self._on - timedelta(days=90)), ""),
        ]

    def _names(self) -> list[tuple[Row, str]]:
        good = (
            "陈喆堃",  # rare and in GBK
            "符䶮",
            "王𠮷祥",  # four bytes in GB 18030
            "林㛃",
            "吴龴梅",  # U+9FB4: one of the codes that moved in GB 18030-2022
            "阿依努尔·艾山",
            "买买提•吐尔逊",  # another dot that people type
            "古丽娜尔·阿卜杜热合曼·依明江·吐尔逊",  # 36 bytes, in two records
            "MARIA ALEJANDRA FERNANDEZ DE CASTRO",  # 35 bytes
        )
        rows = [(self.person(name=name, nation="05" if "·" in name or "•" in name else "01"), "") for name in good]
        sixty = "阿卜杜拉·买买提·吐尔逊·艾合买提·依明江·热合曼·克里木·努尔"
        edge = "A" + "欧" * 24 + "B"  # 50 bytes in all, but whole characters leave 21 for the second record
        return [*rows, (self.person(name=sixty), "E-FIELD"), (self.person(name=edge), "E-FIELD")]

    def _documents(self) -> list[tuple[Row, str]]:
        foreign = {"nation": "97", "id_valid_to": f"{self._on.year + 5}0101"}
        permit = self.person(
            None, id_type="07", id_no="USA310119850312", nationality="USA", name="JOHN SAMPLE", **foreign
        )
        passport = self.person(
            None, id_type="08", id_no="SPECI2014", nationality="DEU", name="ERIKA MUSTERMANN", **foreign
        )
        hong_kong = self.person(id_type="04", id_no="H00000000", nationality="CHN", name="陈示例")
        last_day = self.person(id_valid_to=f"{self._on:%Y%m%d}")
        return [(permit, ""), (passport, ""), (hong_kong, ""), (last_day, "")]

    def _refused(self) -> list[tuple[Row, str]]:
        bad_digit = self.person()
        wrong = "0" if bad_digit["id_no"][-1] != "0" else "1"
        bad_digit["id_no"] = bad_digit["id_no"][:-1] + wrong
        bad_sex = self.person()
        bad_sex["sex"] = "2" if bad_sex["sex"] == "1" else "1"
        yesterday = f"{self._on - timedelta(days=1):%Y%m%d}"
        return [
            (bad_digit, "E-ID-FMT"),
            (bad_sex, "E-ID-FMT"),
            (self.person(birth_date="19800101"), "E-ID-FMT"),
            (self.person(mobile=""), "E-FIELD"),
            (self.person(id_valid_to=yesterday), "E-FIELD"),
            (self.person(household_address="海南省海口市示例路" * 5), "E-FIELD"),
            (self._planted(PopulationAnswer.MISMATCH), "E-PSB-MISMATCH"),
            (self._planted(PopulationAnswer.NO_DATA), "E-PSB-NODATA"),
            (self._planted(PopulationAnswer.FAILED), "E-PSB-ERROR"),
            (self.person(photo="no-such-portrait.jpg"), "E-PHOTO"),
            (self.person(life_status="2"), "E-LIFE"),
            (self.person(bank="999"), "E-BANK-OPEN"),
            (self.person(region="469099"), "E-AREA"),
            (self.person(region="110101"), "E-AREA"),
        ]

    def _planted(self, answer: PopulationAnswer) -> Row:
        row = self.person()
        self.plants[row["id_no"]] = answer
        return row

    def _guardian(self, surname: str) -> Row:
        self._made += 1
        return {
            "guardian_name": surname + self._pick(GIVEN),
            "guardian_id_type": "01",
            "guardian_id_no": citizen_number(self._birth(28, 50), 2 * (self._made % 499)),
        }

    def _turned(self, age: int) -> date:
        """Born so that the age is reached on the acceptance date itself."""
        return self._on.replace(year=self._on.year - age)

    def _birth(self, youngest: int, oldest: int) -> date:
        newest = self._on.replace(year=self._on.year - youngest)
        return newest - timedelta(days=self._below((oldest - youngest) * 365))

    def _pick(self, characters: str) -> str:
        return characters[self._below(len(characters))]

    def _below(self, limit: int) -> int:
        return self._entropy.below(limit)
