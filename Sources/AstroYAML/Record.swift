/// One node as it is stored: flat, in the order of the file, so that a tree of millions is two allocations and is freed
/// without recursion. A collection's first child follows it directly; ``first`` says where the next sibling is.
struct Record {
  enum Kind: UInt8 { case plain, singleQuoted, doubleQuoted, literal, folded, sequence, mapping, alias }

  /// An explicit core tag.
  enum Tag: UInt8 { case none, string, integer, number, boolean, null }

  /// 1-based, in lines and Unicode scalars.
  var line: UInt32
  var column: UInt32
  var endLine: UInt32
  var endColumn: UInt32
  /// A scalar: where its text begins. A collection: the record after its last descendant. An alias: what it stands for.
  var first: UInt32
  /// A scalar: how many bytes of text. A collection: how many nodes are directly in it (keys and values both).
  var count: UInt32
  var kind: Kind
  var tag: Tag = .none
  /// A key whose pair was refused with a diagnostic (a duplicate, a merge key): readers do not see it.
  var isRefusedKey = false

  var isScalar: Bool {
    switch kind {
    case .plain, .singleQuoted, .doubleQuoted, .literal, .folded: true
    case .sequence, .mapping, .alias: false
    }
  }
}
