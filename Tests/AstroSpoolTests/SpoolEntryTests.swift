import Testing

@testable import AstroSpool

@Suite struct SpoolEntryTests {
  @Test(arguments: [
    "a.yaml", "a.yml", "-rf.yaml", " .yaml", "a b.yaml", "ä.yaml", "a..yaml", "a.tmp.yaml", "~a.yaml",
    "archive.jsonl.yaml",
  ])
  func `YAML names are candidates`(name: String) {
    #expect(SpoolEntry(name: file(name)).kind == .candidate(.yaml))
  }

  @Test func `JSON names are candidates of their own format`() {
    #expect(SpoolEntry(name: file("a.json")).kind == .candidate(.json))
  }

  @Test func `a name that is not UTF-8 is as good as any other`() {
    #expect(SpoolEntry(name: FileName(bytes: [0xFF, 0xFE] + Array(".yaml".utf8))!).kind == .candidate(.yaml))
  }

  @Test(arguments: [
    ".a.yaml", ".yaml", ".json", "a.yaml~", "a.yaml.tmp", "a.part", "a.yaml.swp", "a.yaml.filepart", ".a.yaml.swx",
    ".a.yaml.Xy12Zq", "\n.tmp",
  ])
  func `unfinished names are ignored`(name: String) { #expect(SpoolEntry(name: file(name)).kind == .ignored) }

  @Test(arguments: ["a", "-rf", "a.txt", "a.YAML", "a.yaml.gz", "yaml", "a.yaml ", "sedAbCdEf"])
  func `other names are odd`(name: String) { #expect(SpoolEntry(name: file(name)).kind == .odd(.notAWorkflowName)) }

  @Test(arguments: ["a\nb.yaml", "\u{1B}[31m.yaml", "a\u{7F}.yaml", "\u{1}.yaml"])
  func `control characters are odd`(name: String) {
    #expect(SpoolEntry(name: file(name)).kind == .odd(.controlCharacters))
  }

  @Test func `a name may be 200 bytes long and no longer`() {
    #expect(SpoolEntry(name: file(String(repeating: "a", count: 195) + ".yaml")).kind == .candidate(.yaml))
    let long = file(String(repeating: "a", count: 196) + ".yaml")
    #expect(SpoolEntry(name: long).kind == .odd(.nameTooLong(bytes: 201)))
  }

  @Test func `a batch file is told from a workflow in JSON`() {
    #expect(SpoolEntry(name: file("a.jsonl")).kind == .candidate(.jsonl))
    #expect(SpoolEntry(name: file("a.jsonl.json")).kind == .candidate(.json))
    #expect(SpoolEntry(name: file("a.jsonlx")).kind == .odd(.notAWorkflowName))
  }
}
