import Foundation
import Testing

/// One way out of a sandbox that code tries, and all that it may come to.
struct Escape: CustomTestStringConvertible {
  let name: String
  /// Python; `attempt(f)` prints what f() gave, or the name of the error it met.
  let code: String
  /// What it prints; nothing else is right.
  let expected: [String]

  init(_ name: String, _ code: String, _ expected: String...) {
    self.name = name
    self.code = code
    self.expected = expected
  }

  var testDescription: String { name }

  static let prelude = """
    import ctypes, os, socket, stat, subprocess, sys
    libc = ctypes.CDLL(None, use_errno=True)
    def attempt(f):
        try:
            print("ESCAPED", f())
        except BaseException as error:
            print(type(error).__name__)
    def call(name, *arguments):
        ctypes.set_errno(0)
        result = getattr(libc, name)(*arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
    home = os.environ["ASTRO_HOME"]

    """

  /// - Parameters:
  ///   - host: the pid of a process outside.
  ///   - port: one that somebody outside listens at, on the loopback.
  ///   - socket: the name of an abstract socket that somebody outside listens at.
  ///   - other: the identifier of another run.
  static func all(host: Int32, port: UInt16, socket: String, other: String) -> [Escape] {
    files(other) + network(port, socket) + processes(host) + rights + resources
  }

  private static func files(_ other: String) -> [Escape] {
    [
      Escape("passwords of the host", "attempt(lambda: open('/etc/shadow').read())", "FileNotFoundError"),
      Escape("root's own files", "attempt(lambda: os.listdir('/root'))", "FileNotFoundError"),
      Escape(
        "the home's configuration", "attempt(lambda: open(home + '/config/agents.yaml').read())", "FileNotFoundError"),
      Escape("the journal", "attempt(lambda: open(home + '/data/astro.sqlite', 'rb').read(16))", "FileNotFoundError"),
      Escape(
        "files of another run", "attempt(lambda: os.listdir(home + '/data/runs/\(other)/files'))", "FileNotFoundError"),
      Escape(
        "writes outside",
        """
        for place in ['/', '/usr', '/usr/bin', '/etc', '/run', '/run/astro', '/dev', '/var', '/home']:
            try:
                open(place + '/mark', 'w')
                print('ESCAPED', place)
            except OSError:
                pass
        print('done')
        """, "done"),
      Escape(
        "what it was only shown", "attempt(lambda: open('shown.txt', 'a'))\nattempt(lambda: os.remove('shown.txt'))",
        "PermissionError", "OSError"),
      Escape(
        "links out of its scratch",
        """
        os.symlink('/etc/shadow', 'a')
        os.symlink(home, 'b')
        os.symlink('/proc/1/root/etc/shadow', 'c')
        attempt(lambda: open('a').read())
        attempt(lambda: os.listdir('b'))
        attempt(lambda: 'SHADOW' if 'root:' in open('c').read() else 'own')
        """, "FileNotFoundError", "FileNotFoundError", "FileNotFoundError"),
      Escape(
        "descriptors left open",
        "print(sorted(int(n) for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)))",
        "[0, 1, 2]"),
    ]
  }

  private static func network(_ port: UInt16, _ name: String) -> [Escape] {
    [
      Escape(
        "a service on the loopback",
        "attempt(lambda: socket.create_connection(('127.0.0.1', \(port)), 5))", "ConnectionRefusedError"),
      Escape(
        "the world", "attempt(lambda: socket.create_connection(('192.0.2.1', 53), 5))", "OSError"),
      Escape("names of hosts", "attempt(lambda: socket.getaddrinfo('example.org', 80))", "gaierror"),
      Escape(
        "an abstract socket",
        "s = socket.socket(socket.AF_UNIX)\nattempt(lambda: s.connect('\\0\(name)'))", "ConnectionRefusedError"),
    ]
  }

  private static func processes(_ host: Int32) -> [Escape] {
    [
      Escape("killing a process outside", "attempt(lambda: os.kill(\(host), 9))", "ProcessLookupError"),
      Escape(
        "secrets of other processes",
        """
        found = 0
        for name in os.listdir('/proc'):
            if name.isdigit():
                try:
                    found += b'HOST_SECRET' in open('/proc/' + name + '/environ', 'rb').read()
                except OSError:
                    pass
        print(found, 'HOST_SECRET' in os.environ)
        """, "0 False"),
      Escape("tracing", "attempt(lambda: call('ptrace', 16, os.getppid(), 0, 0))", "PermissionError"),
      Escape(
        "reading another's memory", "attempt(lambda: call('process_vm_readv', 1, 0, 0, 0, 0, 0))", "PermissionError"),
    ]
  }

  private static let rights: [Escape] = [
    Escape(
      "becoming root",
      """
      attempt(lambda: os.setuid(0))
      status = dict(l.split(':', 1) for l in open('/proc/self/status').read().splitlines())
      print(status['NoNewPrivs'].strip(), status['CapEff'].strip(), status['CapBnd'].strip(), status['Seccomp'].strip())
      """, "OSError", "1 0000000000000000 0000000000000000 2"),
    Escape(
      "mounting",
      "attempt(lambda: call('mount', b'x', b'/work', b'tmpfs', 0, b''))\n"
        + "attempt(lambda: call('mount', None, b'/usr', None, 4096 | 32, None))", "PermissionError", "PermissionError"),
    Escape(
      "a user namespace",
      "attempt(lambda: call('unshare', 0x10000000))\n"
        + "print(subprocess.run(['unshare', '-Ur', 'id', '-u'], capture_output=True, text=True).stdout or 'nothing')",
      "PermissionError", "nothing"),
    Escape("chroot", "attempt(lambda: os.chroot('/usr'))", "PermissionError"),
    Escape(
      "devices",
      """
      attempt(lambda: os.mknod('disk', 0o666 | stat.S_IFBLK, os.makedev(8, 0)))
      for name in ['mem', 'kmsg', 'sda', 'vda', 'kvm', 'fuse', 'loop-control', 'net/tun']:
          if os.path.exists('/dev/' + name):
              print('ESCAPED', name)
      """, "PermissionError"),
    Escape(
      "settings of the kernel",
      """
      for path in ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname', '/proc/sysrq-trigger',
                   '/proc/self/oom_score_adj', '/sys/kernel/uevent_helper']:
          try:
              os.write(os.open(path, os.O_WRONLY), b'-1000')
              print('ESCAPED', path)
          except OSError:
              pass
      print('done')
      """, "done"),
    Escape(
      "keyrings",
      "attempt(lambda: call('syscall', 250, 0, -3, 0))\n"
        + "attempt(lambda: call('syscall', 248, b'user', b'k', b'v', 1, -3))", "PermissionError", "PermissionError"),
    Escape(
      "typing into a terminal",
      "attempt(lambda: call('ioctl', 0, 0x5412, b'x'))", "PermissionError"),
  ]

  private static let resources: [Escape] = [
    Escape(
      "a fork bomb",
      """
      children = 0
      try:
          while children < 500:
              if os.fork() == 0:
                  os.read(os.pipe()[0], 1)
              children += 1
      except OSError as error:
          print(type(error).__name__, children <= \(Sandboxed.processes))
      """, "BlockingIOError True"),
    Escape("a memory bomb", "attempt(lambda: len(bytearray(1 << 30)))", "MemoryError"),
    Escape(
      "filling a disk",
      """
      for place in ['/work', '/tmp', '/dev/shm']:
          size = 0
          try:
              with open(place + '/fill', 'wb', buffering=0) as file:
                  while size < 1 << 30:
                      size += file.write(bytes(1 << 20))
          except OSError as error:
              print(error.errno, size <= \(Sandboxed.temporarySize))
      """, "28 True", "28 True", "28 True"),
    Escape(
      "filling a disk by outputs",
      """
      size = 0
      try:
          with open(os.environ['ASTRO_OUTPUT'], 'ab', buffering=0) as file:
              while size < 1 << 30:
                  size += file.write(b'\\n' * (1 << 20))
      except OSError as error:
          print(error.errno, size <= 64 << 20)
      os.truncate(os.environ['ASTRO_OUTPUT'], 0)
      """, "27 True"),
  ]
}
