"""A Python interpreter that has Ansible's module_utils loaded already: each task forks it.

Starting Python and importing module_utils from the zip file of a module is most of what a task costs. The scenarios run
thousands of tasks, so a server in each gateway, and one on the controller, does that once.

    interpreter.py serve SOCKET LIBRARY     LIBRARY holds ansible/module_utils
    interpreter.py run SOCKET [ARGUMENT...] instead of python3 [ARGUMENT...]; a script or standard input only
"""

import array
import json
import os
import select
import signal
import socket
import sys

PRELOADED = (
    "ansible.module_utils.basic",
    "ansible.module_utils._internal._ansiballz._loader",
    "ansible.module_utils.common.dict_transformations",
    "ansible.module_utils.facts.compat",
    "cryptography.hazmat.backends",
    "cryptography.hazmat.primitives.serialization",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.x509",
    "ctypes",
    "glob",
    "logging.handlers",
    "platform",
    "pwd",
    "subprocess",
    "zipfile",
)


def run(path, arguments):
    """Have the server run a script with our environment, directory and files, and exit as it did."""
    request = {"argv": arguments, "environ": dict(os.environ), "cwd": os.getcwd(), "umask": os.umask(0)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        files = array.array("i", (0, 1, 2))
        connection.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(4)
    sys.exit(int.from_bytes(answer, "big") if answer else 1)


def serve(path, library):
    """Answer requests for ever, each in a process of its own."""
    import importlib

    sys.path.insert(0, library)
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    # A module brings an `ansible` package of its own, with the module in it. What is below module_utils stays.
    sys.modules.pop("ansible", None)
    sys.path.remove(library)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}.new")
        listener.listen(64)
        # Who finds it can connect.
        os.rename(f"{path}.new", path)
        while True:
            connection = listener.accept()[0]
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                os._exit(answer(connection))
            connection.close()


def answer(connection):
    """Run one script in a child, so that its exit code can be told whatever it does."""
    ancillary = connection.recvmsg(1, socket.CMSG_SPACE(3 * 4))[1]
    files = array.array("i", ancillary[0][2])
    request = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
    child = os.fork()
    if child == 0:
        connection.close()
        for target, source in enumerate(files):
            os.dup2(source, target)
            os.close(source)
        execute(request)
    for file in files:
        os.close(file)
    kill_with_client(child, connection)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall((status if status >= 0 else 128 - status).to_bytes(4, "big"))
    return 0


def kill_with_client(child, connection):
    """Wait until a child has ended, and kill it if its client is killed: a task that is stopped must not go on."""
    ended = os.pidfd_open(child)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(connection, 0)
    if ended not in dict(poll.poll()):
        os.kill(child, signal.SIGKILL)
    os.close(ended)


def execute(request):
    """Become the process that the client asked for."""
    os.environ.clear()
    os.environ.update(request["environ"], LC_ALL="C.UTF-8")
    os.umask(request["umask"])
    try:
        os.chdir(request["cwd"])
    except OSError:
        os.chdir("/")
    arguments = request["argv"]
    if arguments and arguments[0].startswith("-"):
        os.execv(sys.executable, [sys.executable, *arguments])
    status = 1
    try:
        status = script(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def script(arguments):
    """Run a file or standard input as `__main__`. The exit code."""
    import atexit
    import traceback
    import types

    name = arguments[0] if arguments else "<stdin>"
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    if arguments:
        main.__file__ = name
        sys.path.insert(0, os.path.dirname(name))
        with open(name, "rb") as file:
            source = file.read()
    else:
        source = sys.stdin.buffer.read()
    sys.argv = arguments or [""]
    status = 0
    try:
        exec(compile(source, name, "exec"), main.__dict__)
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    return status


if __name__ == "__main__":
    {"serve": serve, "run": lambda path, *arguments: run(path, list(arguments))}[sys.argv[1]](*sys.argv[2:])
