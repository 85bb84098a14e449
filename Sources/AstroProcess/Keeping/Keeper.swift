import AstroCore
import Glibc

/// The small process between a runner and a program that must not outlive it, as the server of an attempt's tools: it starts
/// the program, and when that has ended, or the runner has, in whatever way, it leaves nothing of it behind, wherever its
/// descendants have gone.
///
/// The runner holds one end of a socket, the keeper the other; see ``KeeperReport`` and ``KeeperOrder`` for what they say.
/// The end of the socket is the order to kill.
public enum Keeper {
  /// The hidden verb: `--socket FD --directory PATH --confinement TEXT -- PROGRAM ARGUMENT…`, without the program and the verb;
  /// the program's streams and environment are those that the keeper is given. Its exit code.
  public static func main(arguments: [String]) -> Int32 {
    var options: [String: String] = [:]
    var rest = arguments[...]
    while let name = rest.popFirst(), name != "--" { options[name] = rest.popFirst() }
    guard let socket = options["--socket"].flatMap(Int32.init), let directory = options["--directory"],
      let confinement = options["--confinement"].flatMap(Confinement.init(parsing:)), !rest.isEmpty,
      // The number was inherited, so it is not close-on-exec yet: a program that kept it would hide the keeper's death.
      fcntl(socket, F_SETFD, FD_CLOEXEC) == 0
    else { return ExitCode.usage.rawValue }
    var loop = KeeperLoop(socket: socket)
    loop.run(KeptStart(arguments: Array(rest), directory: directory, user: confinement.user))
    return ExitCode.ok.rawValue
  }
}
