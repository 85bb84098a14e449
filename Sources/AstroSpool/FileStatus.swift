import AstroCore
import Glibc

/// What lstat(2) or fstat(2) said about one file.
struct FileStatus {
  enum Kind { case regular, directory, symbolicLink, fifo, socket, device }

  let kind: Kind
  let links: UInt64
  let owner: UInt32
  let identity: FileIdentity

  init(_ status: stat) {
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .regular
      case S_IFDIR: .directory
      case S_IFLNK: .symbolicLink
      case S_IFIFO: .fifo
      case S_IFSOCK: .socket
      default: .device
      }
    links = UInt64(status.st_nlink)
    owner = status.st_uid
    identity = FileIdentity(status)
  }

  var modifiedAt: Timestamp { Timestamp(microseconds: identity.modifiedNanoseconds / 1000) }
}
