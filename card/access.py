"""What a file asks for, known from the profile before anything is sent: PIN, a key, a protected command, or several."""

from dataclasses import dataclass

from card.files.kinds import Access

_PROOF_TEXT = {
    "pin": ("持卡人密码", "the holder's PIN"),
    "cos": ("卡片自行写入", "only the card itself writes it"),
    "capp": ("复合消费中写入", "written only inside a compound purchase"),
}
NOBODY = frozenset({"cos", "capp"})


@dataclass(frozen=True, slots=True)
class Need:
    """The condition of one place for `operation` (read or write), and what the session has given already."""

    place: str
    operation: str
    access: Access
    have: frozenset[str]

    @property
    def satisfied(self) -> bool:
        """True when nothing more is asked. A `mac:` proof belongs to the command itself and is never given ahead."""
        return self.access.satisfied_by(self.have)

    @property
    def missing(self) -> tuple[str, ...]:
        """The fewest proofs that would do, in declared order; () when satisfied or when nobody can."""
        left = [tuple(p for p in group if p not in self.have) for group in self.possible]
        return min(left, key=len, default=())

    @property
    def possible(self) -> tuple[tuple[str, ...], ...]:
        """The alternatives a person or a terminal can fulfil."""
        return tuple(group for group in self.access.any_of if not NOBODY.intersection(group))

    @property
    def zh(self) -> str:
        return self._sentence(0, "或", "＋", "无需任何验证", "任何人都不能")

    @property
    def en(self) -> str:
        return self._sentence(1, " or ", " + ", "nothing", "nobody may")

    def way(self, pin: bool, keys: bool, line: bool) -> tuple[str, ...] | None:
        """The alternative that can be fulfilled with a PIN, with a prover of keys, with a line key; None when none.

        The one with the fewest new proofs; among equals the declared order.
        """
        able = {"pin": pin, "key": keys, "mac": line, "enc": line}
        left = [tuple(proof for proof in group if proof not in self.have) for group in self.possible]
        ways = [group for group in left if all(able[proof.partition(":")[0]] for proof in group)]
        return min(ways, key=len, default=None)

    def _sentence(self, language: int, either: str, both: str, free: str, never: str) -> str:
        if self.access.free:
            return free
        groups = [both.join(_proof(proof, language) for proof in group) for group in self.access.any_of]
        return either.join(groups) or never


def _proof(proof: str, language: int) -> str:
    kind, _, name = proof.partition(":")
    if kind == "key":
        return (f"密钥 {name} 外部认证", f"authentication with key {name}")[language]
    if kind == "mac":
        return (f"密钥 {name} 的报文鉴别码", f"a MAC under key {name}")[language]
    if kind == "enc":
        return (f"密钥 {name} 的加密和报文鉴别码", f"encryption and a MAC under key {name}")[language]
    return _PROOF_TEXT[kind][language]
