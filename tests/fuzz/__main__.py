"""Coverage-guided fuzzing with atheris: `make fuzz`, or `python -m fuzz TARGET [libFuzzer's flags] [corpus folders]`.

Run in an environment that has atheris and the package, with `tests` on PYTHONPATH.
"""

import sys

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]  # in an environment of its own

with atheris.instrument_imports(include=["finalex"]):
    from fuzz.knock import knock
    from fuzz.talk import talk

TARGETS = {"knock": knock, "talk": talk}


def main() -> int:
    """Fuzz the target that the first argument names, until libFuzzer ends."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        print(f"fuzz: name one of {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    target = TARGETS[sys.argv.pop(1)]

    def one_input(data: bytes) -> None:
        target(data)

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
