"""Which names break which rule.

A name is dotted, as if everything were imported from where it is defined. The longest matching
prefix decides; `None` means allowed. `module` bans everything below it.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Final

_BANNED: Final[dict[str, str]] = {
    "CTM001": """time timeit cProfile profile datetime.datetime.now datetime.datetime.utcnow
        datetime.datetime.today datetime.date.today email.utils.localtime email.utils.formatdate
        pandas.Timestamp.now pandas.Timestamp.utcnow pandas.Timestamp.today arrow.now arrow.utcnow
        pendulum.now pendulum.today pendulum.tomorrow pendulum.yesterday
        django.utils.timezone.now""",
    "CTM002": """random secrets uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 uuid.uuid8
        uuid.getnode os.urandom os.getrandom numpy.random email.utils.make_msgid faker ulid nanoid
        shortuuid ksuid cuid uuid6 uuid_utils ssl.RAND_bytes
        statistics.NormalDist.samples""",
    "CTM003": """os.environ os.environb os.getenv os.getenvb os.getpid os.getppid os.cpu_count
        os.process_cpu_count os.getloadavg os.uname os.getlogin os.getuid os.geteuid os.getgid
        os.getegid os.getgroups os.getpgid os.getpriority os.sysconf os.times os.name os.putenv
        os.unsetenv os.umask os.nice os.get_terminal_size os.sched_getaffinity os.path.expanduser
        os.path.expandvars sys.argv sys.orig_argv sys.path sys.flags sys.platform sys.executable
        sys.prefix sys.getrefcount sys.getsizeof platform getpass locale resource psutil sysconfig
        site pwd grp spwd shutil.get_terminal_size dateutil.tz.tzlocal tzlocal
        importlib.metadata""",
    "CTM004": """builtins.open io.open io.open_code io.FileIO codecs.open os.path.exists
        os.path.lexists os.path.isfile os.path.isdir os.path.islink os.path.ismount os.path.getsize
        os.path.getmtime os.path.getatime os.path.getctime os.path.abspath os.path.realpath
        os.path.relpath os.path.samefile os.path.sameopenfile pathlib.Path.cwd pathlib.Path.home
        pathlib.Path.read_text pathlib.Path.read_bytes pathlib.Path.write_text
        pathlib.Path.write_bytes pathlib.Path.open pathlib.Path.exists pathlib.Path.is_file
        pathlib.Path.is_dir pathlib.Path.is_symlink pathlib.Path.is_mount pathlib.Path.iterdir
        pathlib.Path.glob pathlib.Path.rglob pathlib.Path.walk pathlib.Path.stat pathlib.Path.lstat
        pathlib.Path.mkdir pathlib.Path.unlink pathlib.Path.rmdir pathlib.Path.rename
        pathlib.Path.replace pathlib.Path.touch pathlib.Path.resolve pathlib.Path.absolute
        pathlib.Path.expanduser pathlib.Path.samefile pathlib.Path.owner pathlib.Path.group
        pathlib.Path.symlink_to pathlib.Path.hardlink_to pathlib.Path.readlink pathlib.Path.chmod
        shutil tempfile glob fileinput mmap linecache filecmp netrc fcntl gzip.open bz2.open
        lzma.open zipfile.ZipFile tarfile.open shelve dbm sqlite3 importlib.resources
        xml.etree.ElementTree.parse mimetypes aiofiles anyio.open_file gettext""",
    "CTM005": """socket socketserver select selectors ssl http.client http.server
        urllib.request ftplib smtplib imaplib poplib nntplib telnetlib xmlrpc requests httpx aiohttp
        urllib3 websockets websocket grpc boto3 botocore aioboto3 aiobotocore psycopg psycopg2
        psycopg_pool asyncpg sqlalchemy sqlmodel redis aioredis pymongo motor kafka aiokafka
        confluent_kafka pika aio_pika nats paramiko elasticsearch opensearchpy openai anthropic
        stripe twilio slack_sdk mysql MySQLdb pymysql aiomysql aiosqlite cassandra zmq
        asyncio.open_connection asyncio.start_server asyncio.open_unix_connection
        asyncio.start_unix_server""",
    "CTM006": """subprocess multiprocessing signal pty atexit webbrowser os.fork os.forkpty
        os.system os.popen os.kill os.killpg os.wait os.waitpid os.abort os._exit
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell""",
    "CTM007": """threading _thread concurrent.futures queue sched asyncio.to_thread
        asyncio.run_coroutine_threadsafe asyncio.AbstractEventLoop.run_in_executor joblib dask ray
        celery dramatiq rq""",
    "CTM009": """builtins.eval builtins.exec builtins.compile builtins.__import__
        builtins.globals builtins.locals importlib runpy code codeop ctypes cffi pickle.load
        pickle.loads marshal.load marshal.loads dill cloudpickle inspect.stack
        inspect.currentframe inspect.getsource sys._getframe sys._current_frames sys.modules
        sys.settrace sys.setprofile builtins.__builtins__""",
    "CTM010": "builtins.id builtins.hash weakref gc tracemalloc",
    "CTM013": "continuum.Continuum continuum.RunHandle continuum.client",
    "CTM014": """builtins.print builtins.input builtins.breakpoint builtins.help pprint.pprint
        pprint.pp logging sys.stdin sys.stdout sys.stderr sys.__stdout__ sys.__stderr__ syslog
        warnings.warn traceback.print_exc traceback.print_stack structlog loguru rich.print
        click.echo tqdm pdb curses""",
    "CTM015": """asyncio.run asyncio.Runner asyncio.new_event_loop asyncio.set_event_loop
        asyncio.AbstractEventLoop.run_until_complete asyncio.AbstractEventLoop.run_forever
        asyncio.AbstractEventLoop.add_signal_handler asyncio.AbstractEventLoop.create_connection
        asyncio.AbstractEventLoop.create_server asyncio.AbstractEventLoop.getaddrinfo
        asyncio.AbstractEventLoop.subprocess_exec asyncio.AbstractEventLoop.subprocess_shell
        asyncio.AbstractEventLoop.stop asyncio.AbstractEventLoop.close trio anyio curio gevent
        eventlet""",
}

_ALLOWED: Final = (
    "time.struct_time", "time.strptime", "secrets.compare_digest", "glob.escape", "ssl.SSLError",
    "socket.timeout", "socket.error", "subprocess.list2cmdline", "platform.python_version_tuple",
    "logging.getLevelName", "shutil.Error", "queue.Empty", "queue.Full",
    "importlib.metadata.PackageNotFoundError", "multiprocessing.TimeoutError",
)  # fmt: skip

_WITHOUT_ARGUMENTS: Final = {
    # a clock when called bare, pure with an argument
    "time.gmtime": 1, "time.strftime": 2, "time.asctime": 1, "time.ctime": 99,
    "random.Random": 1, "numpy.random.default_rng": 1, "numpy.random.RandomState": 1,
    "email.utils.formatdate": 1, "email.utils.localtime": 1,
}  # fmt: skip
"""Functions that are allowed when called with at least so many arguments."""

SEEDED: Final = frozenset({
    "random.Random", "numpy.random.default_rng", "numpy.random.RandomState",
})  # fmt: skip
"""Generators that repeat themselves when given a seed."""

SET_TYPES: Final = frozenset({
    "builtins.set", "builtins.frozenset", "typing.Set", "typing.FrozenSet", "typing.AbstractSet",
    "collections.abc.Set", "collections.abc.MutableSet",
})  # fmt: skip

_HOST_ZONE: Final = {
    "datetime.datetime.fromtimestamp": 2, "datetime.datetime.astimezone": 1,
    "datetime.date.fromtimestamp": 99, "time.localtime": 99, "time.mktime": 99,
}  # fmt: skip
"""Functions that use the host's time zone when called with fewer arguments."""

_PURE_OS: Final = frozenset({
    "path", "fspath", "fsencode", "fsdecode", "strerror", "sep", "altsep", "extsep", "pathsep",
    "linesep", "curdir", "pardir", "devnull", "error",
})  # fmt: skip

_SAME: Final = {
    "posix": "os", "nt": "os", "posixpath": "os.path", "ntpath": "os.path", "_io": "io",
    "_random": "random", "_socket": "socket", "_datetime": "datetime", "pathlib.PosixPath":
    "pathlib.Path", "asyncio.tasks": "asyncio", "asyncio.threads": "asyncio",
    "asyncio.events": "asyncio", "continuum.client.client.Continuum": "continuum.Continuum",
    "continuum.engine.api": "continuum", "continuum.declare.workflow": "continuum",
    "continuum.declare.activity": "continuum", "continuum.check.pure": "continuum",
    "continuum.client.handle.RunHandle": "continuum.RunHandle",
}  # fmt: skip

PURE_PACKAGES: Final = frozenset({
    "continuum", "msgspec", "orjson", "pydantic", "pydantic_core", "attr", "attrs", "cattrs",
    "typing_extensions", "annotated_types", "more_itertools", "toolz", "sortedcontainers",
    "dateutil", "pytz", "tzdata", "yarl", "multidict", "frozendict", "immutables", "phonenumbers",
    "babel", "money", "stockholm", "__future__",
})  # fmt: skip
"""Distributions that compute only; what they forbid is above, by name."""

_TABLE: Final[dict[str, str | None]] = {
    **{name: code for code, names in _BANNED.items() for name in names.split()},
    **dict.fromkeys(_ALLOWED, None),
}


@cache
def canonical(name: str) -> str:
    """The name by which the tables know it."""
    head = name
    while head:
        if head in _SAME:
            return canonical(_SAME[head] + name[len(head) :])
        head = head.rpartition(".")[0]
    return name


@cache
def code_of(name: str) -> str | None:
    """The rule that a name breaks, None for none."""
    head = canonical(name)
    while head:
        if head in _TABLE:
            return _TABLE[head]
        parent, _, last = head.rpartition(".")
        if parent == "os" and last not in _PURE_OS and last[:1].islower():
            return "CTM006" if last.startswith(("exec", "spawn", "posix_spawn")) else "CTM004"
        head = parent
    return None


def code_of_call(name: str, arguments: int) -> str | None:
    """The rule that a call breaks, which may depend on how many arguments it has."""
    name = canonical(name)
    if arguments >= _WITHOUT_ARGUMENTS.get(name, 1000):
        return None
    if name in _HOST_ZONE:
        return "CTM003" if arguments < _HOST_ZONE[name] else None
    if name == "builtins.vars":
        return None if arguments else "CTM009"
    return code_of(name)


def is_called_by_need(name: str) -> bool:
    """Whether a mere mention says nothing: the arguments of the call decide."""
    name = canonical(name)
    return name in _WITHOUT_ARGUMENTS or name in _HOST_ZONE


def is_visible(name: str) -> bool:
    """Whether a name outside the application is known: built in, standard, or a pure package."""
    top = name.partition(".")[0]
    return top == "builtins" or top in sys.stdlib_module_names or top in PURE_PACKAGES
