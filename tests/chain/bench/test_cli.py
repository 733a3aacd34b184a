"""Bad input at the command line: one line that says what came, what is wanted and what to do; the exit code is not 0."""

import pickle

import pytest
import torch

from bench.cli import main


def told(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 2
    lines = [line for line in capsys.readouterr().err.strip().splitlines() if "loading PyTorch" not in line]
    assert len(lines) == 1 and lines[0].startswith("fvit: ")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["table", "3", "--session", "onnx"], "unknown session 'onnx'; known: compiled, eager, openvino, ort, trt; nearest: "),
        (["table", "3", "--world", "papers"], "unknown world 'papers'; known: embedded, paper; nearest: paper"),
        (["table", "3", "--precision", "fp8"], "unknown precision 'fp8'; known: fp32, fp16, bf16"),
        (["table", "3", "--rule", "per-stp"], "nearest: per-step"),
        (["table", "3", "--denoise", "oneshot"], "unknown denoiser 'oneshot'; known: one_shot, chain; nearest: one_shot"),
        (["table", "3", "--denoise", "chain"], "--denoise chain came alone; say one_shot,chain"),
        (["table", "3", "--backbone", "vit_b32"], "unknown backbone 'vit_b32'"),
        (["table", "3", "--backbone", "timm:vit_bas_patch16_224"], "nearest: vit_base_patch16_224"),
        (["table", "33"], "unknown table 'table33'"),
        (["table", "3", "--dry-run"], "--dry-run belongs to tables of looks (1, 2, 4, 5, 6, 7, 8, 9, 10); table 3 would not read it"),
        (["table", "3", "--n", "8"], "--n belongs to tables of looks"),
        (["table", "1", "--draws", "20"], "--draws belongs to table 3; table 1 would not read it: leave it out"),
        (["table", "1", "--backbone", "vit_embedded"], "--backbone belongs to --world paper"),
        (["table", "1", "--seed", "-1"], "--seed -1: 0 or more is wanted"),
        (["explain", "--seed", "-1"], "--seed -1: 0 or more is wanted"),
        (["figures", "--seed", "-1"], "--seed -1: 0 or more is wanted"),
        (["certify", "--seed", "-1"], "--seed -1: 0 or more is wanted"),
        (["export", "--precision", "int8", "--opset", "21"], "--opset is not for int8"),
        (["table", "3", "--draws", "-1"], "--draws -1: a number above 0 is wanted"),
        (["table", "3", "--weights", "nowhere.pt"], "no checkpoint at nowhere.pt"),
        (["table", "3", "--pictures", "nowhere.png"], "no picture at nowhere.png"),
        (["table", "3", "--classes", "nowhere.txt"], "no class names at nowhere.txt"),
        (
            ["table", "3", "--denoiser-weights", "x.pt"],
            "--denoiser-weights are for adm_256, unet_embedded was asked for; add --world paper",
        ),
        (["table", "3", "--session", "trt"], "session trt cannot run here: "),
        (["export", "--network", "backbone", "--tensorrt"], "PyTorch sees no CUDA GPU"),
        (["train", "vitt"], "unknown network 'vitt'; known: all, denoiser, vit, deit, swin; nearest: vit"),
        (["train", "vit", "--minutes", "0"], "--minutes 0.0: a number above 0 is wanted"),
        (["demo", "--task", "digit"], "unknown task 'digit'; known: digits, pairs, crowd; nearest: digits"),
        (["demo", "--picture", "5000"], "digits test has the pictures 0 to 1999, 5000 came"),
        (["world", "--images", "-5"], "--images -5: a number above 0 is wanted"),
        (["export", "--network", "vit"], "unknown network 'vit'; known: backbone, denoiser, classify_draws"),
        (["export", "--network", "backbone", "--opset", "17"], "opset 17 came; 20 to 23 are wanted"),
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
    assert "measure first" in told(capsys, "table", "3", "--from-rows", "--results", str(tmp_path))


def test_ctrl_c_keeps_what_was_measured_and_says_so(capsys, monkeypatch):
    from bench.commands import table

    def interrupted(options):
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


def test_export_int8_shows_layers_parity_and_what_stays_in_float(capsys, monkeypatch):
    from bench.worlds import calibration

    monkeypatch.setattr(calibration, "PICTURES", 18)
    assert main(["export", "--network", "backbone", "--precision", "int8"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "18 validation pictures of digits, pairs, crowd" in text and "the worst 12 of 26 layers" in text
    assert "0 layers stay in float" in text and "100.0% of the labels equal" in text
    assert main(["export", "--network", "backbone", "--precision", "int8", "--keep", "model.head,model.tail"]) == 2
    assert "vit_embedded has no layer model.tail" in capsys.readouterr().err
