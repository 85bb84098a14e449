import Testing

@testable import AstroWorkflow

/// What is said about keys.
@Suite struct KeyDiagnostics {
  @Test func anUnknownKeyNamesTheNearest() {
    #expect(
      rendered(
        ##"""
        nmae: x
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:1: error: unknown key 'nmae'
            nmae: x
            ^~~~
            hint: did you mean 'name'?

          """##)
  }

  @Test func anUnknownKeyOfATask() {
    #expect(
      rendered(
        ##"""
        tasks:
          a:
            run: 'true'
            need: [b]

        """##)
          == ##"""
          w.yaml:4:5: error: unknown key 'need'
                need: [b]
                ^~~~
            hint: did you mean 'needs'?

          """##)
  }

  @Test func aKeyNearToNoneListsTheKeysWhereTheyAreFew() {
    #expect(
      rendered(
        ##"""
        zzz: 1
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:1: error: unknown key 'zzz'
            zzz: 1
            ^~~
            hint: valid keys: name, description, labels, user, priority, not_before, deadline, budget, params, env, secrets, tools, defaults, tasks

          """##)
  }

  @Test func aKeyOfATaskNearToNone() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: 'true', frobnicate: 1}}

        """##)
          == ##"""
          w.yaml:1:26: error: unknown key 'frobnicate'
            tasks: {a: {run: 'true', frobnicate: 1}}
                                     ^~~~~~~~~~
            hint: valid keys: run, with, needs, if, outputs, shell, workdir, env, timeout, grace, retry, resources, continue_on_error, limits, budget, cache, agent, capabilities

          """##)
  }

  @Test func unknownKeysOfRetryAndParameters() {
    #expect(
      rendered(
        ##"""
        params: {p: {typ: string}}
        tasks: {a: {run: 'true', retry: {atempts: 2, foo: 1}}}

        """##)
          == ##"""
          w.yaml:1:14: error: unknown key 'typ'
            params: {p: {typ: string}}
                         ^~~
            hint: did you mean 'type'?
          w.yaml:2:34: error: unknown key 'atempts'
            tasks: {a: {run: 'true', retry: {atempts: 2, foo: 1}}}
                                             ^~~~~~~
            hint: did you mean 'attempts'?
          w.yaml:2:46: error: unknown key 'foo'
            tasks: {a: {run: 'true', retry: {atempts: 2, foo: 1}}}
                                                         ^~~
            hint: valid keys: attempts, delay, factor, max_delay, jitter, on_exit, on_error

          """##)
  }

  @Test func aKeyOfAnotherPlace() {
    #expect(
      rendered(
        ##"""
        timeout: 5m
        defaults: {needs: [a]}
        tasks: {a: {run: 'true', attempts: 3}}

        """##)
          == ##"""
          w.yaml:1:1: error: unknown key 'timeout'
            timeout: 5m
            ^~~~~~~
            hint: it is a key of tasks
          w.yaml:2:12: error: unknown key 'needs'
            defaults: {needs: [a]}
                       ^~~~~
            hint: it is a key of tasks
          w.yaml:3:26: error: unknown key 'attempts'
            tasks: {a: {run: 'true', attempts: 3}}
                                     ^~~~~~~~
            hint: it is a key of 'retry'

          """##)
  }

  @Test func anUnknownKeyOfDefaults() {
    #expect(
      rendered(
        ##"""
        defaults: {foo: [a]}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:12: error: unknown key 'foo'
            defaults: {foo: [a]}
                       ^~~
            hint: valid keys: shell, workdir, env, timeout, grace, retry, resources, continue_on_error, limits, budget, cache, agent, capabilities

          """##)
  }

  @Test func aDuplicateKeyAndADuplicateTask() {
    #expect(
      rendered(
        ##"""
        name: a
        name: b
        tasks:
          x: {run: 'true', run: 'false'}
          x: {run: 'true'}

        """##)
          == ##"""
          w.yaml:2:1: error: duplicate key 'name', first given in line 1
            name: b
            ^~~~
          w.yaml:4:20: error: duplicate key 'run', first given in line 4
              x: {run: 'true', run: 'false'}
                               ^~~
          w.yaml:5:3: error: duplicate key 'x', first given in line 4
              x: {run: 'true'}
              ^

          """##)
  }

  @Test func keysOfLaterVersionsAreNamed() {
    #expect(
      rendered(
        ##"""
        idempotency_key: x
        concurrency: {key: k, policy: queue}
        hooks: {}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:1: error: 'idempotency_key' is not supported yet
            idempotency_key: x
            ^~~~~~~~~~~~~~~
          w.yaml:2:1: error: 'concurrency' is not supported yet
            concurrency: {key: k, policy: queue}
            ^~~~~~~~~~~
          w.yaml:3:1: error: 'hooks' is not supported yet
            hooks: {}
            ^~~~~

          """##)
  }

  @Test func keysOfLaterVersionsInATask() {
    #expect(
      rendered(
        ##"""
        tasks:
          a:
            run: 'true'
            matrix: {x: [1]}
            for_each: [1]
            max_parallel: 2
            fail_fast: false

        """##)
          == ##"""
          w.yaml:4:5: error: 'matrix' is not supported yet
                matrix: {x: [1]}
                ^~~~~~
          w.yaml:5:5: error: 'for_each' is not supported yet
                for_each: [1]
                ^~~~~~~~
          w.yaml:6:5: error: 'max_parallel' is not supported yet
                max_parallel: 2
                ^~~~~~~~~~~~
          w.yaml:7:5: error: 'fail_fast' is not supported yet
                fail_fast: false
                ^~~~~~~~~

          """##)
  }

  @Test func anotherKindOfWorkIsNotAlsoCalledIdle() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {uses: workflows/x.yaml, with: {p: 1}}

        """##)
          == ##"""
          w.yaml:2:7: error: 'uses' is not supported yet
              a: {uses: workflows/x.yaml, with: {p: 1}}
                  ^~~~

          """##)
  }
}
