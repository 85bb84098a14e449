public import AstroCore
import Crypto
import Glibc

/// A complete file that waits in the spool, with its bytes. While it is kept, its descriptor stays open and, where the
/// kernel granted one, the lease stands: a process that wants to write to it waits in open(2). Keep it no longer than
/// it takes to decide; ``close()`` or letting go of it ends that.
public final class Candidate {
  public let name: FileName
  public let format: SubmissionFormat
  public let bytes: [UInt8]
  public let identity: FileIdentity
  public let owner: UInt32
  /// The owner's user name, or the number as text where there is none.
  public let ownerName: String
  public let modifiedAt: Timestamp

  enum Evidence {
    /// The kernel's word that nobody writes, as long as the lease stands.
    case lease
    /// It stood still for a while.
    case rest
  }
  let evidence: Evidence
  private var descriptor: Descriptor?
  private var isDurable = false

  init(
    name: FileName, format: SubmissionFormat, bytes: [UInt8], status: FileStatus, ownerName: String,
    evidence: Evidence, descriptor: consuming Descriptor
  ) {
    self.name = name
    self.format = format
    self.bytes = bytes
    self.identity = status.identity
    self.owner = status.owner
    self.ownerName = ownerName
    self.modifiedAt = status.modifiedAt
    self.evidence = evidence
    self.descriptor = consume descriptor
  }

  /// Lower-case hexadecimal SHA-256 of ``bytes``; computed when first asked for.
  public private(set) lazy var sha256 = Candidate.sha256(of: bytes)

  /// Gives up the descriptor and with it the lease. The bytes stay.
  public func close() { descriptor = nil }

  /// Lower-case hexadecimal SHA-256 (FIPS 180-4), as receipts carry it.
  public static func sha256(of bytes: [UInt8]) -> String {
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return hash.finalize().hexText
  }

  /// Whether nobody has tried to write since the look; by a lease only, where there is none the times must tell.
  var isUndisturbed: Bool {
    switch evidence {
    case .rest: return true
    case .lease:
      switch descriptor {
      case .some(let open): return Lease.stands(open)
      case .none: return false
      }
    }
  }

  /// Makes the submitted bytes durable, once: a rename that reached the disk before them would leave an empty file under
  /// the claimed name after a power cut. A claim does it too; done before, others do not wait for it at the write gate.
  public func synchronize() throws(Failure) {
    guard !isDurable else { return }
    switch descriptor {
    case .some(let open): try open.synchronize("spool/\(name.printable)")
    case .none: preconditionFailure("a candidate can be made durable until it is closed")
    }
    isDurable = true
  }
}
