import AstroConfiguration
import AstroCore
import AstroJournal
import AstroProcess
import Glibc

/// What lies in a home's data: the journal, and who works on it.
struct RecordChecks {
  let home: Home

  func findings() -> [Finding] { [journal, runners] }

  private var journal: Finding {
    var status = stat()
    do throws(Failure) {
      let damage = try Journal.openReading(dataDirectory: home.data).read { reading in
        let damage = try reading.damage()
        if damage.isEmpty { try reading.requireReadable() }
        return damage
      }
      guard let first = damage.first else {
        stat(home.journal, &status)
        return .ok("journal", "\(home.journal) is sound, \(size(status.st_size)), log \(size(walSize))")
      }
      return .problem("journal", "\(home.journal) is damaged: \(first)", Self.remedy)
    } catch  where error.code == .notFound {
      return .ok("journal", "none yet: nothing has run in this home")
    } catch {
      return .problem("journal", error.description, error.code == .journalDamaged ? Self.remedy : Self.look)
    }
  }

  private static let remedy = "stop all runners, then: astro doctor --rebuild-journal; the old journal is kept"
  private static let look = "look at what the system says"

  private var walSize: off_t {
    var status = stat()
    return stat(home.journal + "-wal", &status) == 0 ? status.st_size : 0
  }

  private func size(_ bytes: off_t) -> String {
    bytes < 1 << 20 ? "\((bytes + 1023) >> 10) KiB" : "\((bytes + (1 << 20) - 1) >> 20) MiB"
  }

  private var runners: Finding {
    do throws(Failure) {
      var alive: [String] = []
      var dead: [String] = []
      for id in try RunnerLock.all(dataDirectory: home.data) {
        if try RunnerLock.look(dataDirectory: home.data, id: id).isAlive { alive.append(id) } else { dead.append(id) }
      }
      let living = alive.isEmpty ? "none is at work" : "at work: " + alive.joined(separator: ", ")
      if dead.isEmpty { return .ok("runners", living) }
      return .warning(
        "runners", "\(living); ended without finishing: \(dead.joined(separator: ", "))",
        "their work is taken over by the next: astro drain, or astro watch")
    } catch {
      return .problem("runners", error.description, "look at the permissions of \(home.runners)")
    }
  }
}
