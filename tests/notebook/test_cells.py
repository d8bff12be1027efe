"""The cells of the notebooks in circulation, as they stand (the *.sh here): nothing in them is driveway's
own, no variable is set for it, and what they train is in Drive afterwards, whole."""

import os

import pytest

from support.notebook import outputs_of, person, put_training, wait_until_in_drive


@pytest.fixture
def client(simulator):
    """(ID, SECRET), which the cells had from Application Default Credentials."""
    credentials = simulator.authorized_user()
    return credentials["client_id"], credentials["client_secret"]


@pytest.fixture
def deeplearning(simulator):
    """The project of the notebooks by opam."""
    put_training(simulator, "deeplearning", "train_google.py")
    return "deeplearning"


def first_session(simulator, notebook, client, project):
    """Gives what its training wrote, which is in Drive."""
    done = notebook.run("opam.sh", *client, reader=person(simulator))
    assert "https://accounts.google.com/" in done.stdout
    assert "Access token retrieved correctly." in done.stdout.splitlines()
    assert not done.stderr
    outputs = outputs_of(done)
    wait_until_in_drive(simulator, project, outputs)
    return outputs


def again(simulator, notebook, client, project):
    """The same cells, where the login is there: they ask for nothing. Gives what they said."""
    done = notebook.run("opam.sh", *client)
    assert len(done.stdout.splitlines()) == 1
    outputs = outputs_of(done)
    assert {"output/checkpoint-3.bin", "output/checkpoint-4.bin"} <= outputs.keys()
    wait_until_in_drive(simulator, project, outputs)
    return done.stderr


def test_opam(simulator, notebook, client, deeplearning):
    first_session(simulator, notebook, client, deeplearning)
    notebook.unmount()


def test_opam_again(simulator, notebook, client, deeplearning):
    """With the slip of the second run: while it is mounted, and where something wrote into the folder."""
    first_session(simulator, notebook, client, deeplearning)
    for mounted in (True, False):
        if not mounted:
            notebook.unmount()
            (notebook.content / "drive/left.txt").write_text("written before it was mounted")
        done = notebook.run("opam_again.sh")
        wait_until_in_drive(simulator, deeplearning, outputs_of(done))
        assert os.path.ismount(notebook.content / "drive")
        assert not os.path.ismount(notebook.content / "nonempty")
        assert done.stderr.splitlines() == [
            "google-drive-ocamlfuse: 2 mountpoints are given; it mounts on drive"
        ]
    notebook.unmount()


def test_ppa(simulator, notebook, client):
    put_training(simulator, "test", "test.py")
    done = notebook.run("ppa.sh", *client, reader=person(simulator))
    wait_until_in_drive(simulator, "test", outputs_of(done))
    notebook.unmount()


def test_colab(simulator, notebook, client, deeplearning):
    first_session(simulator, notebook, client, deeplearning)
    notebook.unmount()
    done = notebook.run("colab.sh")
    wait_until_in_drive(simulator, deeplearning, outputs_of(done))
    notebook.unmount()


@pytest.mark.parametrize("daemon", ["lives", "was killed"])
def test_twelve_hours_later(simulator, notebook, client, deeplearning, daemon):
    first_session(simulator, notebook, client, deeplearning)
    assert simulator.expire_tokens() > 0
    if daemon == "was killed":
        notebook.end()
    said = again(simulator, notebook, client, deeplearning)
    assert ("held a dead mount: removing it" in said) if daemon == "was killed" else not said, said
    notebook.unmount()


@pytest.fixture
def before(simulator, make_notebook, client, deeplearning):
    """A machine that has ended after its first session."""
    made = make_notebook()
    first_session(simulator, made, client, deeplearning)
    made.end()
    return made


def test_a_fresh_machine_with_the_login_carried_over(
    simulator, before, make_notebook, client, deeplearning
):
    simulator.expire_tokens()
    fresh = make_notebook()
    fresh.carry_over(before, ".config/driveway")
    assert not again(simulator, fresh, client, deeplearning)
    fresh.unmount()


@pytest.mark.usefixtures("before")
def test_a_fresh_machine_with_the_old_programs_login(simulator, make_notebook, client, deeplearning):
    """Who has kept ~/.gdfuse from then."""
    fresh = make_notebook()
    kept = fresh.home / ".gdfuse/default"
    kept.mkdir(parents=True)
    (kept / "config").write_text(f"client_id={client[0]}\nclient_secret={client[1]}\n")
    refresh_token = simulator.authorized_user()["refresh_token"]
    (kept / "state").write_text(f"refresh_token={refresh_token}\nsaved_version=0.7.32\n")
    assert not again(simulator, fresh, client, deeplearning)
    fresh.unmount()


@pytest.mark.usefixtures("before")
def test_a_fresh_machine_with_nothing(simulator, make_notebook, client, deeplearning):
    """Another login of Colab, and the same Drive: one logs in again, and the training goes on."""
    fresh = make_notebook()
    outputs = outputs_of(fresh.run("opam.sh", *client, reader=person(simulator)))
    assert "output/checkpoint-4.bin" in outputs
    wait_until_in_drive(simulator, deeplearning, outputs)
    fresh.unmount()
