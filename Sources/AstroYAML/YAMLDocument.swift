public import AstroCore

/// One YAML (or JSON) file, composed: a tree of ``YAMLNode``s that know their places. Parsing never throws; what is
/// wrong is in ``diagnostics``. YAML 1.2 core schema, one document, no merge keys, no application tags.
public final class YAMLDocument: Sendable {
  /// What one file may cost. The defaults are those of workflow files.
  public struct Limits: Sendable {
    /// Size of the file in bytes; at most 1 GiB whatever is asked.
    public var bytes: Int
    /// How deep collections may be nested, aliases expanded.
    public var depth: Int
    /// How many nodes may be written: one costs up to 28 bytes of memory and two of the file.
    public var nodes: Int
    /// How many nodes aliases may add to those that are written ("billion laughs").
    public var expandedNodes: Int
    /// How many bytes of text aliases may add: one long text, many aliases.
    public var expandedBytes: Int

    public init(
      bytes: Int = 64 << 20, depth: Int = 64, nodes: Int = 16_000_000, expandedNodes: Int = 100_000,
      expandedBytes: Int = 16 << 20
    ) {
      self.bytes = min(bytes, 1 << 30)
      self.depth = depth
      self.nodes = nodes
      self.expandedNodes = expandedNodes
      self.expandedBytes = expandedBytes
    }
  }

  /// Errors of the YAML itself, sorted by place. With some of them (duplicate keys, tags) there is a tree all the same,
  /// so that everything else wrong in the file can be reported too.
  public var diagnostics: [Diagnostic] { findings.sorted }
  /// Readers of the tree go on from these.
  let findings: Findings
  let records: [Record]
  /// The text of all scalars, one after the other.
  let text: [UInt8]

  /// Composes `bytes`; `file` is their name in messages. Takes time and memory in proportion to their number, and a bounded stack.
  public init(_ bytes: [UInt8], file: String, limits: Limits = Limits()) {
    var composer = Composer(source: bytes, file: file, limits: limits)
    composer.run()
    findings = composer.findings
    records = composer.isComplete ? composer.records : []
    text = composer.text
  }

  /// The top of the tree; `nil` when the file is empty or its syntax is broken, and ``diagnostics`` says so.
  public var root: YAMLNode? { records.isEmpty ? nil : YAMLNode(document: self, at: 0) }
}
