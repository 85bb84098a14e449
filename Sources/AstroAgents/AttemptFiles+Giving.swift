import AstroCore
import AstroProcess
import AstroSandbox
import Glibc

extension AttemptFiles {
  /// Gives another user what an attempt writes to: `files/`, which is then that user's alone, and the file of the attempt's
  /// outputs. The run's directory stays the runner's, and can be passed through but not listed: nobody else puts anything
  /// there, so that what the runner later opens, renames and removes in it is what it made itself.
  ///
  /// Repeating it is harmless, so a crash anywhere in it is too.
  func give(to user: Confinement.UserNumbers, runs: String) throws(Failure) {
    try giveFiles(to: user, runs: runs)
    try own(directory.output(of: key), O_WRONLY | O_CREAT, 0o600, by: user)
  }

  /// The same without outputs, of which an attempt that this process performs has no file.
  func giveFiles(to user: Confinement.UserNumbers, runs: String) throws(Failure) {
    for path in [runs, directory.path] { try letPass(path) }
    try own(directory.files, O_RDONLY | O_DIRECTORY, 0o700, by: user)
  }

  /// The same of the file of its outputs alone, for a user that sees nothing else of the run; `nil` only has it made.
  func giveOutput(to user: SandboxOrder.User?) throws(Failure) {
    let user = user ?? .init(uid: geteuid(), gid: getegid())
    let numbers = Confinement.UserNumbers(uid: user.uid, gid: user.gid, groups: [])
    try own(directory.output(of: key), O_WRONLY | O_CREAT, 0o600, by: numbers)
  }

  private func letPass(_ path: String) throws(Failure) {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw failure(path) }
    if status.st_mode & 0o111 == 0o111 { return }
    guard chmod(path, 0o711) == 0 else { throw failure(path) }
  }

  /// By descriptor, so that it is one and the same file that is looked at and given away.
  private func own(_ path: String, _ flags: Int32, _ mode: mode_t, by user: Confinement.UserNumbers) throws(Failure) {
    let descriptor = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path) }
    if status.st_uid == user.uid { return }
    guard fchown(descriptor, user.uid, user.gid) == 0, fchmod(descriptor, mode) == 0 else { throw failure(path) }
  }

  private func failure(_ path: String) -> Failure {
    let problem = errno
    return Failure(
      .io, subject: path, message: "cannot be given to the user of the task", errno: problem,
      reason: String(cString: strerror(problem)))
  }
}
