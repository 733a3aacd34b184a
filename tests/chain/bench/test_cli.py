"""Bad input at the command line: one line that says what came, what is wanted and what to do; the exit code is not 0."""

import os
import pickle
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from bench import gpu
from bench.cli import main, parse
from runtime import plugins
from runtime.errors import FvitError
from runtime.provenance import ROOT

COMMANDS = [name.replace("_", "-") for name in plugins.names("bench.commands")]


def told(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 2
    lines = [line for line in capsys.readouterr().err.strip().splitlines() if "loading PyTorch" not in line]
    assert len(lines) == 1 and lines[0].startswith("fvit: ")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["table", "3", "--session", "onnx"], "--session: unknown session 'onnx'; known: compiled, eager, openvino, ort, trt; nearest: "),
        (["table", "3", "--world", "papers"], "unknown world 'papers'; known: embedded, paper; nearest: paper"),
        (["table", "3", "--precision", "fp8"], "unknown precision 'fp8'; known: fp32, fp16, bf16"),
        (["table", "3", "--rule", "per-stp"], "nearest: per-step"),
        (["table", "3", "--denoise", "oneshot"], "unknown denoiser 'oneshot'; known: one_shot, chain; nearest: one_shot"),
        (["table", "3", "--denoise", "chain"], "--denoise chain given alone; say one_shot,chain"),
        (["table", "3", "--backbone", "vit_b32"], "unknown backbone 'vit_b32'"),
        (["table", "3", "--backbone", "timm:vit_bas_patch16_224"], "1,371 timm models; nearest: vit_base_patch16_224"),
        (["table", "all", "--rehearse", "--n", "5"], "--n does not go with --rehearse, which has numbers of its own"),
        (
            ["table", "33"],
            "unknown table '33'; known: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, claims, explainers, figure3, fuses, noise, world, all",
        ),
        (
            ["table", "3", "--dry-run"],
            "--dry-run belongs to tables of accuracy and maps (1, 2, 4, 5, 6, 7, 8, 9, 10); table 3 would not read it",
        ),
        (["table", "3", "--n", "8"], "--n belongs to tables of accuracy and maps"),
        (["table", "1", "--draws", "20"], "--draws belongs to table 3; table 1 would not read it: leave it out"),
        (["table", "1", "--backbone", "vit_embedded"], "--backbone belongs to --world paper"),
        (["table", "9", "--crop", "printed"], "--crop belongs to tables of accuracy and maps with --world paper"),
        (["table", "9", "--world", "paper", "--crop", "prnted"], "unknown crop 'prnted'; known: timm, printed, whole; nearest: printed"),
        (["table", "1", "--seed", "-1"], "--seed -1: a whole number from 0 to 2^64 - 1 is expected"),
        (["explain", "--seed", "-1"], "--seed -1: a whole number from 0 to 2^64 - 1 is expected"),
        (["figures", "--seed", "-1"], "--seed -1: a whole number from 0 to 2^64 - 1 is expected"),
        (["certify", "--seed", "-1"], "--seed -1: a whole number from 0 to 2^64 - 1 is expected"),
        (["export", "--precision", "int8", "--opset", "21"], "--opset is not for int8"),
        (["table", "3", "--draws", "-1"], "--draws -1: a whole number from 1 to"),
        (["table", "3", "--weights", "nowhere.pt"], "no checkpoint at nowhere.pt"),
        (["table", "3", "--pictures", "nowhere.png"], "no picture at nowhere.png"),
        (["table", "3", "--classes", "nowhere.txt"], "no class names at nowhere.txt"),
        (
            ["table", "3", "--denoiser-weights", "x.pt"],
            "a checkpoint of the denoiser given, which fits adm_256 alone; unet_embedded was asked for (--world paper)",
        ),
        (["table", "3", "--session", "trt"], "session trt cannot run here: "),
        (["export", "--network", "backbone", "--tensorrt"], "PyTorch sees no CUDA GPU"),
        (["train", "vitt"], "unknown network 'vitt'; known: all, denoiser, vit, deit, swin; nearest: vit"),
        (["train", "vit", "--minutes", "0"], "--minutes 0: a number above 0 is expected"),
        (["demo", "--task", "digit"], "unknown task 'digit'; known: digits, pairs, crowd; nearest: digits"),
        (["demo", "--picture", "5000"], "digits test has the pictures 0 to 1999, 5000 given"),
        (["world", "--images", "-5"], "--images -5: a whole number from 1 to"),
        (["export", "--network", "vit"], "--network: unknown network 'vit'; known: backbone, denoiser, classify_draws, all"),
        (["export", "--network", "backbone", "--opset", "17"], "opset 17 given for fp32; 20 to 23 are expected"),
    ],
)
def test_bad_arguments(capsys, tmp_path, monkeypatch, arguments, wanted):
    monkeypatch.chdir(tmp_path)
    assert wanted in told(capsys, *arguments)


def test_a_checkpoint_that_carries_code_is_refused_and_not_run(capsys, tmp_path):
    class Evil:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps({"x": Evil()}))
    told(capsys, "table", "3", "--weights", str(path))
    torch.save({"x": Evil()}, path)
    assert "carries pickled code, which is never run" in told(capsys, "table", "3", "--weights", str(path))
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_another_architecture_names_its_first_keys(capsys, tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"conv1.weight": torch.zeros(1), "fc.bias": torch.zeros(1)}, path)
    assert "lacks blocks.0" in told(capsys, "table", "3", "--weights", str(path))
    text = told(capsys, "table", "3", "--world", "paper", "--denoiser-weights", str(path))
    assert "its first keys are conv1.weight, fc.bias" in text


def test_a_file_that_is_no_picture(capsys, tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    assert "is no picture that can be read" in told(capsys, "table", "3", "--pictures", str(path))


def test_from_rows_without_rows(capsys, tmp_path):
    assert "measure it first" in told(capsys, "table", "3", "--from-rows", "--results", str(tmp_path))


def test_ctrl_c_keeps_what_was_measured_and_says_so(capsys, monkeypatch):
    from bench.commands import table

    def interrupted(number, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(table, "run", interrupted)
    assert main(["table", "3"]) == 130
    assert "what was finished is kept" in capsys.readouterr().err


def test_export_prints_file_parity_and_a_trtexec_line(capsys):
    assert main(["export", "--network", "backbone"]) == 0
    text = capsys.readouterr().out
    assert "vit_embedded-fp32-opset20" in text and "parity: 5 comparisons" in text and "trtexec: trtexec --onnx=" in text


def test_doctor_tells_every_session(capsys):
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for word in ("compiled", "eager", "ort", "trt", "CPUExecutionProvider", "processor", "exported files"):
        assert word in text


def test_a_users_own_backbone_weights_and_classes(capsys, tmp_path):
    import timm

    model = timm.create_model("resnet18", num_classes=2)
    torch.save(model.state_dict(), tmp_path / "mine.pt")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    arguments = ["--backbone", "timm:resnet18", "--weights", str(tmp_path / "mine.pt"), "--classes", str(tmp_path / "names.txt")]
    assert main(["export", "--network", "backbone", *arguments]) == 0
    assert "parity" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_80_columns_has_examples_and_says_how_long_it_takes(command, capsys):
    assert main([command, "--help"]) == 0
    page = capsys.readouterr().out
    assert [line for line in page.splitlines() if len(line) > 80] == []
    examples = page.partition("Examples:")[2].replace("\\\n", "").strip().splitlines()
    assert 2 <= len(examples) <= 4 and all(line.strip().startswith(f"fvit {command}") for line in examples)
    assert any(unit in page for unit in ("second", "minute", "hour")) and page.startswith(f"Usage: fvit {command}")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_the_help_are_understood(command, capsys):
    """Each one, up to a `&&`, a comment or a pattern for the shell."""
    main([command, "--help"])
    for example in capsys.readouterr().out.partition("Examples:")[2].replace("\\\n", "").strip().splitlines():
        words = shlex.split(example.partition("&&")[0].partition("     ")[0])
        assert parse(words[1:])[0] == command


def test_the_list_of_commands(capsys):
    assert main([]) == main(["--help"]) == 0
    page = capsys.readouterr().out
    assert [line for line in page.splitlines() if len(line) > 80] == [] and "Exit codes: 0 done, 1 measured" in page
    assert all(f"\n  {command:10}" in page for command in COMMANDS)
    assert main(["--version"]) == 0 and capsys.readouterr().out.startswith("fvit 0.")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["tabel", "3"], "unknown command 'tabel'; nearest: table; fvit --help lists them"),
        (["tabel", "--help"], "unknown command 'tabel'; nearest: table"),
        (["table", "3", "--sesion", "ort"], "unknown option '--sesion'; nearest: --session; fvit table --help lists them"),
        (["table", "3", "--sesion=ort"], "unknown option '--sesion'; nearest: --session"),
        (["table"], "NUMBER is missing; fvit table --help tells what is expected"),
        (["table", "3", "4"], "fvit table has no use for '4'"),
        (["table", "3", "--draws"], "--draws given without a value"),
        (["table", "3", "--draws", "1", "--draws", "2"], "--draws given more than once; give it once"),
        (["table", "3", "--fresh=x"], "--fresh takes no value"),
        (["table", "3", "--device", "gpu"], "--device gpu: one of cpu, cuda is expected"),
        (["table", "3", "--session", ""], "--session: unknown session ''; known: compiled"),
        (["table", "3", "--session", "eager,,ort"], "--session: unknown session ''"),
        (["explain", "--picture", ""], "--picture '': whole numbers with commas are expected"),
        (["table", "3", "--draws", "9" * 5000], f"--draws {'9' * 40}... (5,000 characters): a whole number from 1 to"),
        (["table", "3", "--budget", "nan"], "--budget nan: a number above 0 is expected"),
        (["table", "3", "--budget", "inf"], "--budget inf: a number above 0 is expected"),
        (["table", "3", "--budget", "1e-400"], "--budget 1e-400: a number above 0 is expected"),
        (["table", "1", "--shard", "²/³"], "--shard ²/³: I/K, the I-th of K, as in 2/16, is expected"),
        (["table", "3", "--seed", str(2**64)], f"--seed {2**64}: a whole number from 0 to 2^64 - 1 is expected"),
        (["table", "3", "--seed", "1.5"], "--seed 1.5: a whole number from 0"),
        (["table", "3", "--for", "2"], "--for 2: a time above 0 with its unit, as in 50ms, 0.2s, 30min or 2h, is expected"),
        (["table", "3", "--data", "coco", "root=x"], "--data belongs to tables of accuracy and maps with --world paper"),
        (["table", "1", "--world", "paper", "--data"], "--data given without a value"),
        (["table", "1", "--checkpoint", "a=b", "--world", "paper", "--checkpoint", "a=c"], "--checkpoint a=c: a given before"),
        (["table", "1", "--head-channels", "32"], "--head-channels belongs to --world paper"),
        (["table", "3", "--shard", "1/2"], "--shard belongs to tables of accuracy and maps"),
        (["certify", "--radius", "0.2"], "--radius belongs to --adaptive"),
        (["export", "--opset", "-3"], "--opset -3: a whole number from 0"),
        (["table", "3", "--plugins"], "--plugins given without a folder"),
        (["compare", "a"], "SECOND is missing"),
        (["merge"], "RUN is missing"),
    ],
)
def test_what_is_not_understood_is_one_line(capsys, arguments, wanted):
    assert wanted in told(capsys, *arguments)


def test_a_long_list_of_names_is_cut_to_the_nearest_five():
    with pytest.raises(FvitError, match=r"unknown name 'n7x'; 30 names; nearest: n7, (\w+, ){3}\w+$"):
        plugins.known("n7x", [f"n{i}" for i in range(30)], "name")


def test_words_become_the_arguments_of_run():
    name, bound = parse(["table", "1", "--world", "paper", "--unet", "u.pt", "--checkpoint", "a=x", "--checkpoint", "b=y=z", "--shard", "2/16",
                         "--data", "imagenet", "root=a b", "labels=c=d", "--data", "coco", "root=e", "--for", "1.5h"])  # fmt: skip
    assert name == "table" and bound.arguments["number"] == "1" and bound.arguments["counted"].shard == (2, 16)
    own, networks, results = (bound.arguments[group] for group in ("own", "networks", "results"))
    assert own.checkpoint == (("a", Path("x")), ("b", Path("y=z"))) and results.seconds == 5400
    assert [(one.name, dict(one.facts)) for one in own.data] == [("imagenet", {"root": "a b", "labels": "c=d"}), ("coco", {"root": "e"})]
    assert own.data[0].options() == {"root": Path("a b"), "labels": Path("c=d")}
    assert networks.denoiser_weights == Path("u.pt") and parse(["--help"])[0] != "table"
    assert parse(["frontier", "--session", "ort,eager", "--session", "ort"])[1].arguments["session"] == ("ort", "eager")


def test_table_3_has_one_default_for_its_budget():
    from bench.commands import _table, _table3
    from bench.worlds import world

    wanted = _table.TableRequest(**parse(["table", "3", "--device", "cpu"])[1].arguments)
    assert _table3.settings_of(wanted, world.open("embedded"), "cpu").budget == 4.0
    slow = _table.TableRequest(**parse(["table", "3", "--device", "cpu", "--world", "paper", "--draws", "2"])[1].arguments)
    found = _table3.settings_of(slow, world.open("paper"), "cpu")
    assert (found.budget, found.draws) == (300.0, 2)


@pytest.mark.parametrize("step", gpu.STEPS, ids=lambda step: step.name)
def test_the_words_of_the_gpu_script_are_understood(step):
    for module, *words in (step.words, step.tiny):
        assert module == "pytest" or parse(words)[0] == words[0]


def test_plugins_are_added_before_the_command_is_understood(tmp_path, monkeypatch):
    added = []
    monkeypatch.setattr(plugins, "add", added.append, raising=False)
    monkeypatch.setenv("FVIT_PLUGINS", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b"), ""]))
    assert parse(["--plugins", "c", "table", "3", "--plugins=d"])[0] == "table"
    assert added == [tmp_path / "a", tmp_path / "b", Path("c"), Path("d")]


def test_a_command_is_a_file(tmp_path, monkeypatch, capsys):
    """Also one in a folder added later; an underscore in its name is a dash in the command's."""
    from bench import commands

    (tmp_path / "cold_start.py").write_text(
        '"""Says hello."""\ndef run(*, times: int = 1) -> int:\n    print("hello " * times)\n    return 1\n'
    )
    monkeypatch.setattr(commands, "__path__", [str(tmp_path), *commands.__path__])
    monkeypatch.setattr(plugins, "names", lambda package: ["cold_start"])
    assert main(["--help"]) == 0 and "cold-start  Says hello." in capsys.readouterr().out
    assert main(["cold-start", "--times", "2"]) == 1 and "hello hello" in capsys.readouterr().out
    assert main(["cold-start", "--times", "x"]) == 2 and "--times x: a whole number is expected" in capsys.readouterr().err


def raising(monkeypatch, error):
    from bench.commands import doctor

    def run():
        raise error

    run.__module__ = doctor.__name__
    monkeypatch.setattr(doctor, "run", run)


def test_what_nobody_foresaw_is_one_line_and_a_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("FVIT_CACHE", str(tmp_path / "cache"))
    raising(monkeypatch, ZeroDivisionError("of the\nsecond line"))
    assert main(["doctor"]) == 70
    *_, line = capsys.readouterr().err.splitlines()
    (file,) = (tmp_path / "cache" / "crashes").iterdir()
    assert line == f"fvit: unforeseen: ZeroDivisionError: of the second line; what was measured is kept; details: {file}"
    assert "Traceback" in file.read_text() and "in run" in file.read_text()
    (tmp_path / "file").touch()
    monkeypatch.setenv("FVIT_CACHE", str(tmp_path / "file"))
    assert main(["doctor"]) == 70
    assert "Traceback" in Path(capsys.readouterr().err.rpartition("details: ")[2].strip()).read_text()


@pytest.mark.parametrize(("error", "code"), [(BrokenPipeError(), 141), (KeyboardInterrupt(), 130), (FvitError("x"), 2)])
def test_exit_codes(monkeypatch, capsys, error, code):
    raising(monkeypatch, error)
    assert main(["doctor"]) == code
    assert bool(capsys.readouterr().err.removeprefix("fvit doctor: loading PyTorch ...\n")) == (code != 141)


def test_a_reader_that_goes_away_ends_it_quietly():
    started = subprocess.Popen([sys.executable, "-m", "bench", "table", "--help"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    started.stdout.close()
    assert started.stderr.read() == b"" and started.wait() in (1, 141)  # 1: rich saw it first
    started.stderr.close()


def test_warnings_and_the_environment_are_as_before(monkeypatch, capsys):
    from bench.commands import doctor

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    seen, before = [], warnings.showwarning

    def run():
        seen.append(os.environ["HF_HUB_OFFLINE"])
        warnings.showwarning("one line", UserWarning, "file", 1)
        return 0

    run.__module__ = doctor.__name__
    monkeypatch.setattr(doctor, "run", run)
    assert main(["doctor"]) == 0 and "fvit: note: one line\n" in capsys.readouterr().err
    assert seen == ["1"] and "HF_HUB_OFFLINE" not in os.environ and warnings.showwarning is before


@pytest.mark.parametrize("installed", [True, False])
def test_run_alone_lists_all_commands(tmp_path, installed):
    """Also before anything is installed."""
    shutil.copy(ROOT / "run", tmp_path)
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    if installed:
        (tmp_path / ".venv").symlink_to(sys.prefix)
        for name in ("runtime", "export"):
            (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run([tmp_path / "run"], capture_output=True, text=True, check=True)
    assert "./run setup" in done.stdout and all(f" {command}" in done.stdout for command in COMMANDS) and not done.stderr
    assert "  _options" not in done.stdout and ("Exit codes" in done.stdout) == installed
