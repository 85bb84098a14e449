import AstroCore
import Testing

@testable import AstroWorkflow

/// What is said about secrets: where they are declared, and where they are read.
@Suite struct SecretDiagnostics {
  @Test func aSecretIsReadInTheEnvironmentOfATask() throws {
    let plan = try plan(
      ##"""
      secrets:
        KEY: {env: API_KEY}
        token_2: {file: keys/token}
      tasks: {a: {run: 'true', env: {AUTH: 'Bearer ${{ secrets.KEY }}', B: '${{ secrets.token_2 }}', C: c}}}

      """##)
    #expect(
      plan.secrets == [
        SecretPlan(name: "KEY", source: .environment("API_KEY")),
        SecretPlan(name: "token_2", source: .file("keys/token")),
      ])
    #expect(plan.tasks[0].env.map(\.value.holdsSecret) == [true, true, false])
  }

  @Test func aDeclarationThatIsWrong() {
    #expect(
      rendered(
        ##"""
        secrets:
          my-key: {env: X}
          A: hunter2hunter2
          B: {}
          C: {env: X, file: y}
          D: {evn: X}
          E: {env: my key}
          F: {file: '${{ params.x }}'}
          G: {file: ''}
          H: [env, X]
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:2:3: error: 'my-key' is not a secret's name
              my-key: {env: X}
              ^~~~~~
            hint: letters, digits and _, beginning with a letter or _
          w.yaml:3:6: error: secret 'A' must say where its value is, not what it is
              A: hunter2hunter2
                 ^~~~~~~~~~~~~~
            hint: write {env: VARIABLE} or {file: path}
          w.yaml:4:6: error: secret 'B' does not say where its value is
              B: {}
                 ^~
            hint: write {env: VARIABLE} or {file: path}
          w.yaml:5:21: error: secret 'C' has two places
              C: {env: X, file: y}
                                ^
            hint: remove one: 'env' or 'file'
          w.yaml:6:7: error: unknown key 'evn'
              D: {evn: X}
                  ^~~
            hint: did you mean 'env'?
          w.yaml:7:12: error: 'my key' is not the name of an environment variable
              E: {env: my key}
                       ^~~~~~
            hint: letters, digits and _, beginning with a letter or _
          w.yaml:8:14: error: no expression can stand here
              F: {file: '${{ params.x }}'}
                         ^~~
            hint: expressions are read in env, workdir, if, with, and where run is a list
          w.yaml:9:13: error: the path of the secret is empty
              G: {file: ''}
                        ^~
          w.yaml:10:6: error: secret 'H' must say where its value is, not what it is
              H: [env, X]
                 ^~~~~~~~
            hint: write {env: VARIABLE} or {file: path}

          """##)
  }

  @Test func aSecretThatIsNotThere() {
    #expect(
      rendered(
        ##"""
        secrets: {API_KEY: {env: X}}
        tasks: {a: {run: 'true', env: {A: '${{ secrets.API_KYE }}', B: '${{ secrets.ZZZ }}'}}}

        """##)
          == ##"""
          w.yaml:2:40: error: there is no secret 'API_KYE'
            tasks: {a: {run: 'true', env: {A: '${{ secrets.API_KYE }}', B: '${{ secr
                                                   ^~~~~~~~~~~~~~~
            hint: did you mean 'API_KEY'?
          w.yaml:2:69: error: there is no secret 'ZZZ'
            true', env: {A: '${{ secrets.API_KYE }}', B: '${{ secrets.ZZZ }}'}}}
                                                              ^~~~~~~~~~~
            hint: the secrets are API_KEY

          """##)
    #expect(
      rendered("tasks: {a: {run: 'true', env: {A: '${{ secrets.X }}'}}}\n").contains("hint: there are no secrets"))
  }

  /// argv is to be seen in /proc by everybody; what all tasks are given is given to those that do not name it.
  @Test func aSecretWhereOthersWouldGetIt() {
    #expect(
      rendered(
        ##"""
        secrets: {K: {env: X}}
        env: {A: '${{ secrets.K }}'}
        defaults: {env: {B: '${{ secrets.K }}'}, workdir: '${{ secrets.K }}'}
        tasks:
          a:
            run: [curl, -H, '${{ secrets.K }}']
            workdir: '${{ secrets.K }}'
            if: secrets.K == 'x'

        """##)
          == ##"""
          w.yaml:2:15: error: a secret can only be read in the env of a task
            env: {A: '${{ secrets.K }}'}
                          ^~~~~~~~~
            hint: only the tasks that name it are given it: put it in the env of each
          w.yaml:3:26: error: a secret can only be read in the env of a task
            defaults: {env: {B: '${{ secrets.K }}'}, workdir: '${{ secrets.K }}'}
                                     ^~~~~~~~~
            hint: only the tasks that name it are given it: put it in the env of each
          w.yaml:3:56: error: a secret can only be read in the env of a task
            defaults: {env: {B: '${{ secrets.K }}'}, workdir: '${{ secrets.K }}'}
                                                                   ^~~~~~~~~
            hint: only the tasks that name it are given it: put it in the env of each
          w.yaml:6:26: error: a secret can only be read in the env of a task
                run: [curl, -H, '${{ secrets.K }}']
                                     ^~~~~~~~~
            hint: arguments can be seen by everybody on the machine: put it in the task's env, and let the command read it there
          w.yaml:7:19: error: a secret can only be read in the env of a task
                workdir: '${{ secrets.K }}'
                              ^~~~~~~~~
            hint: arguments can be seen by everybody on the machine: put it in the task's env, and let the command read it there
          w.yaml:8:9: error: a secret can only be read in the env of a task
                if: secrets.K == 'x'
                    ^~~~~~~~~
            hint: let a task look at it, and write what to do to $ASTRO_OUTPUT

          """##)
  }

  @Test func aVariableThatHoldsASecretLeadsToNoOtherPlace() {
    #expect(
      rendered(
        ##"""
        secrets: {K: {env: X}}
        tasks:
          a:
            env: {AUTH: 'Bearer ${{ secrets.K }}'}
            run: [curl, -H, '${{ env.AUTH }}']
            if: env.AUTH != ''

        """##)
          == ##"""
          w.yaml:5:26: error: 'AUTH' holds a secret, which can only be read in the env of a task
                run: [curl, -H, '${{ env.AUTH }}']
                                     ^~~~~~~~
            hint: arguments can be seen by everybody on the machine: put it in the task's env, and let the command read it there
          w.yaml:6:9: error: 'AUTH' holds a secret, which can only be read in the env of a task
                if: env.AUTH != ''
                    ^~~~~~~~
            hint: let a task look at it, and write what to do to $ASTRO_OUTPUT

          """##)
  }

  @Test func nothingIsComputedWithASecret() {
    #expect(
      rendered(
        ##"""
        secrets: {K: {env: X}}
        tasks:
          a:
            run: 'true'
            env:
              A: "${{ secrets.K }} ${{ run.id }} ${{ format('Bearer {0}', secrets.K) }}"
              B: ${{ secrets[run.id] }}
              C: ${{ secrets }}
              D: ${{ secrets.K.length }}

        """##)
          == ##"""
          w.yaml:6:67: error: nothing can be computed with a secret
            crets.K }} ${{ run.id }} ${{ format('Bearer {0}', secrets.K) }}"
                                                              ^~~~~~~~~
            hint: write ${{ secrets.K }} by itself; text may stand around it
          w.yaml:7:14: error: a secret must be named in the text: 'secrets.NAME'
                  B: ${{ secrets[run.id] }}
                         ^~~~~~~~~~~~~~~
          w.yaml:8:14: error: a secret must be named in the text: 'secrets.NAME'
                  C: ${{ secrets }}
                         ^~~~~~~
          w.yaml:9:14: error: nothing can be computed with a secret
                  D: ${{ secrets.K.length }}
                         ^~~~~~~~~~~~~~~~
            hint: write ${{ secrets.K }} by itself; text may stand around it

          """##)
  }
}
