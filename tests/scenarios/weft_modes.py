"""A scenario's two modes: as root, and as an ordinary user, which root becomes for the second run."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIP = 77  # meson's exit code for "skipped"
ORDINARY_UID = 64321  # needs no entry in /etc/passwd


def choose_modes(wanted, needs):
    modes = [mode for mode in ("root", "rootless") if wanted in (mode, "both") and needs in (mode, None)]
    if not modes:
        print(f"skipped: this scenario is about {needs} only", flush=True)
    return modes


def run_in_mode(mode, arguments, run, programs=()):
    """`programs`: what the scenario runs besides weft and weftd, below the build tree."""
    if mode == "root":
        if os.geteuid() != 0:
            print("skipped: as root (started by an ordinary user)", flush=True)
            return SKIP
        print("--- as root", flush=True)
        return run()
    if os.geteuid() == 0:
        return run_as_ordinary_user(arguments, ("tools/weft/weft", "tools/weftd/weftd", *programs))
    print(f"--- as uid {os.geteuid()}, in a user namespace", flush=True)
    refused = subprocess.run(["unshare", "--user", "--net", "true"], capture_output=True, text=True)
    if refused.returncode != 0:
        print(f"skipped: this machine forbids user namespaces to ordinary users ({refused.stderr.strip()})", flush=True)
        return SKIP
    return run()


def become_ordinary():
    os.setgroups([])
    os.setresgid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID)
    os.setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID)


def may_use(*paths):
    """Whether the ordinary user can read these; checked in a child that is one."""
    child = os.fork()
    if child == 0:
        become_ordinary()
        os._exit(0 if all(os.access(path, os.R_OK) for path in paths) else 1)
    return os.waitpid(child, 0)[1] == 0


def readable_copy(build, programs):
    """The programs and these scripts where anybody can read them: a checkout under /root is root's alone."""
    copy = pathlib.Path(tempfile.mkdtemp(prefix="weft-programs-", dir="/tmp"))
    copy.chmod(0o755)
    for program in programs:
        (copy / program).parent.mkdir(parents=True)
        shutil.copy(build / program, copy / program)
    shutil.copytree(pathlib.Path(__file__).parent, copy / "scenarios", ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def run_as_ordinary_user(arguments, programs):
    script, build = pathlib.Path(sys.argv[0]).resolve(), pathlib.Path(arguments.build).resolve()
    copy = None
    if not may_use(script, *(build / program for program in programs)):
        copy = readable_copy(build, programs)
        script, build = copy / "scenarios" / script.relative_to(pathlib.Path(__file__).resolve().parent), copy
    # A python of root's own (pyenv) is of no use to that user.
    python = sys.executable if may_use(sys.executable, os.path.realpath(sys.executable)) else "/usr/bin/python3"
    command = [python, script, "--build", build, "--mode", "rootless"] + ["--verbose"] * arguments.verbose
    try:
        environment = dict(os.environ, HOME="/tmp", PATH="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        environment.pop("XDG_RUNTIME_DIR", None)
        return subprocess.run(command, preexec_fn=become_ordinary, env=environment, cwd="/tmp").returncode
    finally:
        if copy:
            shutil.rmtree(copy)
