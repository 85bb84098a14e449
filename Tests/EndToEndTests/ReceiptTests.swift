import Foundation
import Glibc
import Testing

/// What receipts say about files that read well and cannot run.
@Suite struct ReceiptTests {
  private func errors(_ home: Home) throws -> [[String: Any]] {
    try #require(try home.receipt(in: "rejected")["errors"] as? [[String: Any]])
  }

  @Test func `a user that may not be named is marked where he is`() throws {
    let home = try Home()
    try home.submit("name: a\nuser: alice\ntasks: {a: {run: 'true'}}\n", as: "a.yaml")
    try #require(chown(home.path + "/spool/a.yaml", 65534, 65534) == 0, "run the tests as root")
    #expect(try home.astro("drain").code == 0)
    let error = try #require(try errors(home).first)
    #expect(error["code"] as? String == "untrusted_user")
    #expect(error["message"] as? String == "'nobody' may not submit for user 'alice'")
    #expect(error["line"] as? Int == 2 && error["column"] as? Int == 1)
  }

  @Test func `a parameter that is missing is marked where it is declared`() throws {
    let home = try Home()
    try home.submit("params:\n  top: 1\n  date: {required: true}\ntasks: {a: {run: 'true'}}\n", as: "a.yaml")
    #expect(try home.astro("drain").code == 0)
    let error = try #require(try errors(home).first)
    #expect(error["code"] as? String == "missing_parameter")
    #expect(error["line"] as? Int == 3 && error["column"] as? Int == 3)
  }
}
