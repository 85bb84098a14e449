import Foundation
import Glibc
import Testing

/// The workflows that come with the project.
enum Examples {
  static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("workflows").path

  static func text(_ name: String) throws -> String {
    try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
  }
}

@Suite struct ExamplesTests {
  private func run(_ name: String, _ home: Home, _ params: [String: String]) throws -> Command.Ending {
    let options = params.flatMap { ["-p", "\($0.key)=\($0.value)"] }
    return try home.start(["run", "\(Examples.directory)/\(name)"] + options).finish()
  }

  // MARK: disk-report.yaml

  @Test func `the disk report lists packages by size and the file systems`() throws {
    let home = try Home()
    #expect(try run("disk-report.yaml", home, ["top": "3"]).code == 0)
    let report = try home.read("data/runs/\(try home.run(in: "done"))/files/report.txt")
    let lines = report.split(separator: "\n", omittingEmptySubsequences: false)
    let sizes = lines.dropFirst().prefix(3).compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
    #expect(try #require(lines.first).wholeMatch(of: /The largest of \d+ packages \(KiB\):/) != nil)
    #expect(sizes.count == 3 && sizes == sizes.sorted(by: >))
    #expect(report.contains("\nInstalled or upgraded of late:\n"))
    #expect(report.contains("\nFile systems:\nMounted on"))
    #expect(try home.astro("logs", "@latest", "report").output == report)
  }

  // MARK: backup.yaml

  private func tree(in home: Home) throws -> String {
    let source = home.path + "/precious"
    try FileManager.default.createDirectory(atPath: source + "/deep/er", withIntermediateDirectories: true)
    try Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(
      to: URL(fileURLWithPath: source + "/deep/er/bytes"))
    try Data("with a space\n".utf8).write(to: URL(fileURLWithPath: source + "/a file"))
    try #require(symlink("a file", source + "/link") == 0)
    try #require(chmod(source + "/a file", 0o640) == 0)
    return source
  }

  private func archives(_ home: Home) -> [String] { home.names(in: "store").filter { $0.hasSuffix(".tar.gz") } }

  @Test func `a backup restores byte for byte`() throws {
    let home = try Home()
    let source = try tree(in: home)
    #expect(try run("backup.yaml", home, ["source": source, "target": home.path + "/store"]).code == 0)
    let archive = try #require(archives(home).first)
    try #require(mkdir(home.path + "/restored", 0o700) == 0)
    let restore =
      "tar -xzf \"store/$1\" -C restored && diff -r --no-dereference precious restored"
    #expect(try home.shell(restore, [archive]).code == 0)
    #expect(
      try FileManager.default.attributesOfItem(atPath: home.path + "/restored/a file")[.posixPermissions] as? Int
        == 0o640)
    let check = "cd store && sha256sum --check --quiet \"$1.sha256\""
    #expect(try home.shell(check, [archive]).code == 0)
    let said = try home.astro("logs", "@latest", "summary").output
    #expect(said.hasPrefix("\(home.path)/store/\(archive): 3 files of \(source) in "))
    #expect(said.hasSuffix(" bytes, verified; 0 old archives removed\n"))
    #expect(
      try home.astro("status", "@latest", "--json").output.contains("\"archive\":\"\(home.path)/store/\(archive)\""))
  }

  @Test func `rotation keeps the newest of this source and touches nothing else`() throws {
    let home = try Home()
    let source = try tree(in: home)
    try #require(mkdir(home.path + "/store", 0o700) == 0)
    for name in ["precious-notes.tar.gz", "other-20260101T000000Z.tar.gz"] { try home.write("x", to: "store/" + name) }
    var made: [String] = []
    for _ in 1...4 {
      #expect(try run("backup.yaml", home, ["source": source, "target": home.path + "/store", "keep": "2"]).code == 0)
      made.append(try #require(archives(home).last { $0.hasPrefix("precious-2") }))
    }
    #expect(Set(made).count == 4)
    #expect(archives(home) == ["other-20260101T000000Z.tar.gz"] + made.suffix(2) + ["precious-notes.tar.gz"])
    #expect(home.names(in: "store").count { $0.hasSuffix(".sha256") } == 2)
    #expect(home.names(in: "store").allSatisfy { !$0.hasPrefix(".") })
  }

  @Test func `a backup that cannot be proved removes no old one`() throws {
    let home = try Home()
    let source = try tree(in: home)
    let target = home.path + "/store"
    #expect(try run("backup.yaml", home, ["source": source, "target": target]).code == 0)
    let first = archives(home)
    let missing = try run("backup.yaml", home, ["source": source + "/gone", "target": target, "keep": "1"])
    #expect(missing.code == 1)
    #expect(missing.errors.contains("there is no directory \(source)/gone"))
    #expect(archives(home) == first)
    let none = try run("backup.yaml", home, ["source": source, "target": target, "keep": "0"])
    #expect(none.code == 1)
    #expect(none.errors.contains("keep must be at least 1, it is 0"))
    #expect(archives(home).count == 2)
    #expect(try run("backup.yaml", home, ["source": source]).code == 65)
    #expect(try run("backup.yaml", home, ["source": source, "target": "relative"]).code == 65)
  }

  // MARK: source-checks.yaml

  @Test func `a sound tree passes every check`() throws {
    let home = try Home()
    let tree = home.path + "/tree"
    try #require(mkdir(tree, 0o700) == 0)
    try home.write("#!/bin/sh\nif true; then echo yes; fi\n", to: "tree/good")
    try home.write("#!/usr/bin/env bash\na=(1 2)\n", to: "tree/arrays")
    try home.write("def f():\n  return 1\n", to: "tree/good.py")
    #expect(try run("source-checks.yaml", home, ["tree": tree]).code == 0)
    #expect(
      try home.astro("logs", "@latest", "summary").output
        == "\(tree): 3 files\n  shell: succeeded\n  python: succeeded\n  text: succeeded\n  links: succeeded\n")
    #expect(try home.astro("logs", "@latest", "shell").output == "2 scripts are well formed\n")
  }

  @Test func `broken files fail their checks, and the summary names each`() throws {
    let home = try Home()
    let tree = home.path + "/tree"
    try #require(mkdir(tree, 0o700) == 0)
    try home.write("#!/bin/sh\nif true; then echo yes\n", to: "tree/broken")
    try home.write("#!/bin/sh\ntrue\n", to: "tree/fine")
    try home.write("ours\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n", to: "tree/merged.txt")
    try #require(symlink("nowhere", tree + "/dangling") == 0)
    let ending = try run("source-checks.yaml", home, ["tree": tree])
    #expect(ending.code == 1)
    #expect(
      try home.astro("logs", "@latest", "summary").output
        == """
        \(tree): 3 files
          shell: failed
            \(tree)/broken
          python: succeeded
          text: failed
            \(tree)/merged.txt
          links: failed
            \(tree)/dangling

        """)
    #expect(try home.astro("status", "@latest", "--json").output.contains("\"bad\":\"3\""))
    #expect(try home.astro("logs", "@latest", "shell", "--stderr").output.contains("\(tree)/broken: 3: Syntax error"))
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3"), "needs Python"))
  func `a broken Python file is named`() throws {
    let home = try Home()
    let tree = home.path + "/tree"
    try #require(mkdir(tree, 0o700) == 0)
    try home.write("def f(:\n", to: "tree/broken.py")
    #expect(try run("source-checks.yaml", home, ["tree": tree]).code == 1)
    #expect(try home.astro("logs", "@latest", "summary").output.contains("  python: failed\n    \(tree)/broken.py\n"))
    #expect(home.names(in: "tree") == ["broken.py"])
  }

  @Test func `without parameters it checks something that every Debian has`() throws {
    let home = try Home()
    #expect(try run("source-checks.yaml", home, [:]).code == 0)
  }
}
