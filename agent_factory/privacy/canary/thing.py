"""Things that look like personal data and are none: what redaction must leave alone."""

from __future__ import annotations

from agent_factory.privacy.canary.source import HEX, Source


class Things(Source):
    """Numbers of orders and parcels, prices, versions, times and digests."""

    def order(self) -> str:
        return self.shape(["{d8}", "{U}-{d4}-{d5}", "{d3}-{d7}-{d7}", "#{d6}", "SO{d7}", "{d12}", "{d18}"])

    def tracking(self) -> str:
        return self.shape(["1Z{U}{d2}{U}{d10}", "94{d20}", "SF{d13}", "{U}{U}{d9}DE", "JD{d18}", "{d12}"])

    def invoice(self) -> str:
        return self.shape(["INV-{d4}-{d3}", "{d10}", "RE {d4}/{d5}", "2024-{d6}"])

    def ticket(self) -> str:
        return self.shape(["#{d5}", "CASE-{d6}", "{U}{U}-{d4}", "{d9}"])

    def sku(self) -> str:
        return self.shape(["{U}{U}-{d4}-{U}", "{d3}-{d4}-{d2}", "{U}{d5}", "{d5}.{d3}"])

    def price(self) -> str:
        whole, part = self.rng.randrange(5, 4000), self.rng.randrange(100)
        if self.chinese:
            return self.pick([f"¥{whole}.{part:02}", f"{whole}元", f"{whole}.{part:02}元"])
        return self.pick([f"${whole:,}.{part:02}", f"{whole},{part:02} €", f"£{whole}", f"EUR {whole}.{part:02}"])

    def version(self) -> str:
        numbers = ".".join(str(self.rng.randrange(40)) for _ in range(self.pick([2, 3, 3, 4])))
        return self.pick(["v", ""]) + numbers

    def build(self) -> str:
        return self.number(self.pick([4, 5, 7]))

    def timestamp(self) -> str:
        day, clock = self.moment()
        return self.pick([f"{day}T{clock}Z", f"{day} {clock}", str(self.rng.randrange(15 * 10**8, 18 * 10**8))])

    def date(self) -> str:
        day, _ = self.moment()
        if self.chinese:
            return self.pick([f"{day.year}年{day.month}月{day.day}日", f"{day.month}月{day.day}号", day.isoformat()])
        return self.pick([day.isoformat(), f"{day:%m/%d/%Y}", f"{day:%d %B %Y}", f"{day:%b} {day.day}"])

    def time(self) -> str:
        return self.moment()[1][:5]

    def uuid(self) -> str:
        return "-".join(self.letters(count, HEX) for count in (8, 4, 4, 4, 12))

    def sha(self) -> str:
        return self.letters(self.pick([12, 40, 64]), HEX)

    def ean(self) -> str:
        return self.shape(["40{d11}"])

    def isbn(self) -> str:
        return self.shape(["978-3-{d2}-{d6}-{d1}", "978{d10}"])

    def flight(self) -> str:
        return self.shape(["{U}{U}{d3}"])

    def pnr(self) -> str:
        return self.shape(["{U}{U}{U}{d1}{U}{d1}"])

    def plan(self) -> str:
        return self.pick(["Basic 200", "Family L", "Gold Plus", "Pro 2024", "Business 5G"])
