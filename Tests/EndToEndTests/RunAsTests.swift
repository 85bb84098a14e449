import Foundation
import Glibc
import Testing

/// A runner that is root runs the tasks of another user's file as that user (R34).
@Suite(.serialized) struct RunAsTests {
  /// A file in the spool that belongs to a user.
  private func submit(_ text: String, to home: Home, by uid: uid_t, _ name: String = "work.yaml") throws {
    try home.write(text, to: ".submitted")
    try #require(chown(home.path + "/.submitted", uid, gid_t.max) == 0)
    try #require(rename(home.path + "/.submitted", "\(home.path)/spool/\(name)") == 0)
  }

  private func field(_ name: String, _ status: [String]) -> String? {
    status.first { $0.hasPrefix(name + ":") }.map {
      $0.dropFirst(name.count + 1).split { $0 == "\t" || $0 == " " }.joined(separator: " ")
    }
  }

  @Test func `tasks are their file's owner, with all its groups and no rights beyond`() throws {
    let (home, account) = (try Home(system: Home.unlimited), try Account())
    try submit(
      """
      tasks:
        who: {run: 'cat /proc/self/status > status; echo "$HOME" > home; pwd > where; echo made="by $(id -un)" >> "$ASTRO_OUTPUT"'}
        then: {needs: who, env: {MADE: '${{ tasks.who.outputs.made }}'}, run: 'echo "$MADE" > made; test "$PWD" = "$ASTRO_RUN_DIR"'}

      """, to: home, by: account.uid)
    try home.astro("drain")
    let run = try home.run(in: "done")
    let status = try home.lines("status", of: run)
    let (uid, gid) = (account.uid, account.gid)
    #expect(field("Uid", status) == "\(uid) \(uid) \(uid) \(uid)")
    #expect(field("Gid", status) == "\(gid) \(gid) \(gid) \(gid)")
    let groups = try #require(field("Groups", status)).split(separator: " ").map(String.init)
    #expect(Set(groups) == ["\(gid)", "\(account.extraGroup)"])
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] { #expect(field(set, status) == "0000000000000000") }
    #expect(field("NoNewPrivs", status) == "1")
    #expect(try home.lines("home", of: run) == ["/nonexistent/\(account.name)"])
    #expect(try home.lines("made", of: run) == ["by \(account.name)"])
    #expect(try home.receipt(in: "done")["user_id"] as? String == account.name)
  }

  @Test func `root's own files run as root`() throws {
    let home = try Home(system: Home.unlimited)
    try home.drain("tasks: {a: {run: 'id -u > who'}}\n")
    #expect(try home.lines("who", of: home.run(in: "done")) == ["0"])
  }

  @Test func `a task of another user reaches nothing of the runner's and of other runs`() throws {
    let (home, account) = (try Home(system: Home.unlimited), try Account())
    try home.drain("tasks: {a: {run: 'echo secret | tee kept; chmod 644 kept'}}\n", as: "roots.yaml")
    let other = try home.run(in: "done")
    try submit(
      """
      tasks:
        probe:
          env: {OTHER: \(other)}
          run: |
            cd "$ASTRO_HOME"
            for f in data/astro.sqlite data/astro.sqlite-wal data/journal.lock data/runners data/runs data/scratch spool \\
              spool/active data/runs/$OTHER/files/kept data/runs/$OTHER/tasks data/runs/$OTHER/workflow.yaml \\
              data/runs/$OTHER/run.json data/runs/$ASTRO_WORKFLOW_ID data/runs/$ASTRO_WORKFLOW_ID/run.json; do
              if ls "$f" > /dev/null 2>&1 && cat "$f" > /dev/null 2>&1; then echo "read $f"; fi
              case $f in *.sqlite*|*.lock|*.yaml|*.json|*/kept) if cat "$f" > /dev/null 2>&1; then echo "read $f"; fi;;
              *) if ls "$f" > /dev/null 2>&1; then echo "listed $f"; fi;; esac
              if (: >> "$f") 2> /dev/null; then echo "wrote $f"; fi
              if touch "$f/planted" 2> /dev/null; then echo "planted in $f"; fi
            done
            if kill -0 $PPID 2> /dev/null; then echo signalled; fi

      """, to: home, by: account.uid, "users.yaml")
    try home.astro("drain")
    let run = try #require(home.names(in: "spool/done").first { $0.hasPrefix("users-") && $0.hasSuffix(".yaml") })
    #expect(try home.astro("logs", String(run.dropLast(5)), "probe").output == "")
  }

  /// Whatever the user makes of what is its own, root is not led anywhere by it.
  @Test func `links that a task leaves are never followed`() throws {
    let (home, account) = (try Home(system: Home.unlimited), try Account())
    let trap = try home.made("trap/file", "mine\n")
    try submit(
      """
      tasks:
        plant:
          run: |
            exec 2> /dev/null
            ln -sf "$ASTRO_HOME/trap/file" "$ASTRO_OUTPUT" && echo linked the output
            rm -f "$ASTRO_OUTPUT" && echo removed the output
            mv "$ASTRO_RUN_DIR" "$ASTRO_RUN_DIR.old" && echo moved the directory
            mkdir "$ASTRO_RUN_DIR/../tasks" && echo made tasks
            ln -s "$ASTRO_HOME/trap" directory; ln -s "$ASTRO_HOME/trap/file" file; mkdir -p deep/er; chmod 0 deep
            echo ok=1 >> "$ASTRO_OUTPUT"
        after: {needs: plant, env: {OK: '${{ tasks.plant.outputs.ok }}'}, run: 'test "$OK" = 1'}

      """, to: home, by: account.uid)
    try home.astro("drain")
    let run = try home.run(in: "done")
    #expect(try home.astro("logs", run, "plant").output == "")
    #expect(try home.astro("clean", "--older-than", "0s").code == 0)
    #expect(!home.exists("data/runs/\(run)"))
    #expect(try String(contentsOfFile: trap, encoding: .utf8) == "mine\n")
    var status = stat()
    #expect(stat(trap, &status) == 0 && status.st_uid == 0)
  }

  @Test func `a trusted user speaks for other users, and never for root`() throws {
    let account = try Account()
    let home = try Home(system: "trusted_users: [\(account.name)]\n  \(Home.unlimited)")
    try submit("user: root\ntasks: {a: {run: id}}\n", to: home, by: account.uid)
    try submit("user: daemon\ntasks: {a: {run: 'id -un > who'}}\n", to: home, by: account.uid, "other.yaml")
    try home.astro("drain")
    let errors = try #require(try home.receipt(in: "rejected")["errors"] as? [[String: Any]])
    #expect(errors.first?["message"] as? String == "'\(account.name)' may not submit for user 'root'")
    #expect(errors.first?["hint"] as? String == "remove 'user:': only files of root run as root")
    #expect(try home.lines("who", of: home.run(in: "done")) == ["daemon"])
  }

  /// Else anybody could have a runner that is root look for files.
  @Test func `programs are looked up as the user`() throws {
    let (home, account) = (try Home(system: Home.unlimited, in: "/tmp"), try Account())
    for (folder, mode) in [("hidden", 0o700), ("mine", 0o700), ("forbidden", 0o755)] {
      let program = try home.made("\(folder)/\(folder)-program", "#!/bin/sh\nid -un > ran\n")
      try #require(chmod(program, folder == "forbidden" ? 0o700 : 0o755) == 0)
      try #require(chmod("\(home.path)/\(folder)", mode_t(mode)) == 0)
    }
    try #require(home.shell("chown -R \(account.uid) mine; chmod 711 .").code == 0)
    func submit(_ path: String, _ name: String) throws {
      try self.submit(
        """
        env: {PATH: "\(path):/usr/bin:/bin"}
        tasks:
          mine: {run: [mine-program]}
          hidden: {run: [hidden-program]}
          missing: {run: [missing-program]}
          forbidden: {run: [forbidden-program]}

        """, to: home, by: account.uid, name)
    }
    try submit("\(home.path)/hidden:\(home.path)/forbidden:\(home.path)/mine:", "a.yaml")
    try home.astro("drain")
    let run = try home.run(in: "failed")
    #expect(try home.lines("ran", of: run) == [account.name])
    #expect(
      try home.tasks(of: run)
        == ["mine": "succeeded 1", "hidden": "failed 1", "missing": "failed 1", "forbidden": "failed 1"])
    for task in ["hidden", "missing", "forbidden"] {
      let told = try home.astro("explain", run, task).output
      #expect(
        told.contains("no such program: user \(account.uid) finds no '\(task)-program' to run in PATH"), "\(told)")
    }
  }

  @Test func `a file of a number without an account is not run as anybody`() throws {
    let home = try Home(system: Home.unlimited)
    try submit("tasks: {a: {run: 'touch \"$ASTRO_HOME/ran\"'}}\n", to: home, by: 61_234)
    try home.astro("drain")
    let run = try home.run(in: "failed")
    #expect(try home.astro("status", run).output.contains("user '61234' has no account on this machine"))
    #expect(!home.exists("ran"))
  }

  /// R20: who takes over from a runner that was killed runs the rest as the same user.
  @Test func `an adopted run keeps its user`() throws {
    let (home, account) = (try Home(system: Home.unlimited), try Account())
    let gate = try home.gate()
    for name in [".here", ".go"] { chmod("\(home.path)/gate-0\(name)", 0o666) }
    try submit(
      """
      tasks:
        first: {run: 'id -un > first; \(gate.pass)'}
        second: {needs: first, run: 'id -un > second'}

      """, to: home, by: account.uid)
    let runner = try home.start("drain")
    try gate.waitForTask()
    runner.signal(SIGKILL)
    _ = try runner.finish()
    gate.letOn()
    try home.astro("drain")
    let run = try home.run(in: "done")
    #expect(try home.lines("first", of: run) == [account.name])
    #expect(try home.lines("second", of: run) == [account.name])
    #expect(try home.tasks(of: run) == ["first": "succeeded 1", "second": "succeeded 1"])
  }

  @Test func `an unprivileged runner runs all files as itself`() throws {
    let (home, account) = (try Home(system: Home.unlimited), try Account())
    try home.submit("tasks: {a: {run: 'id -un > who'}}\n")
    try #require(home.shell("chown -R \(account.uid):\(account.gid) .; chown 0:0 spool/work.yaml").code == 0)
    let ending = try home.shell(
      "exec setpriv --reuid=\(account.uid) --regid=\(account.gid) --clear-groups env HOME=/ \"$0\" drain")
    #expect(ending.code == 0, "\(ending.errors)")
    #expect(try home.lines("who", of: home.run(in: "done")) == [account.name])
  }
}
