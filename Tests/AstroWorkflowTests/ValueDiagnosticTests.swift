import Testing

@testable import AstroWorkflow

/// What is said about values of the wrong type and out of range.
@Suite struct ValueDiagnostics {
  @Test func theTopIsAMapping() {
    #expect(
      rendered(
        ##"""
        - a
        - b

        """##)
          == ##"""
          w.yaml:1:1: error: expected a mapping, got a list
            - a
            ^

          """##)
  }

  @Test func theTopIsNoText() {
    #expect(
      rendered(
        ##"""
        just words

        """##)
          == ##"""
          w.yaml:1:1: error: expected a mapping, got 'just words'
            just words
            ^~~~~~~~~~

          """##)
  }

  @Test func tasksMustBeThere() {
    #expect(
      rendered(
        ##"""
        name: x

        """##)
          == ##"""
          w.yaml:1:1: error: 'tasks' is missing
            name: x
            ^

          """##)
  }

  @Test func tasksAreAMapping() {
    #expect(
      rendered(
        ##"""
        tasks: [a, b]

        """##)
          == ##"""
          w.yaml:1:8: error: expected a mapping, got a list
            tasks: [a, b]
                   ^~~~~~
            hint: each task is a name and what it does: 'fetch: {run: ...}'

          """##)
  }

  @Test func tasksAreNotNothing() {
    #expect(
      rendered(
        ##"""
        tasks:

        """##)
          == ##"""
          w.yaml:1:7: error: expected a mapping, got nothing
            tasks:
                  ^
            hint: each task is a name and what it does: 'fetch: {run: ...}'

          """##)
  }

  @Test func tasksAreNotEmpty() {
    #expect(
      rendered(
        ##"""
        tasks: {}

        """##)
          == ##"""
          w.yaml:1:8: error: a workflow needs at least one task
            tasks: {}
                   ^~

          """##)
  }

  @Test func aTaskIsAMapping() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: echo hi
          b: [x]
          c:

        """##)
          == ##"""
          w.yaml:2:6: error: expected a mapping, got 'echo hi'
              a: echo hi
                 ^~~~~~~
            hint: write {run: ...}
          w.yaml:3:6: error: expected a mapping, got a list
              b: [x]
                 ^~~
            hint: write {run: ...}
          w.yaml:4:5: error: expected a mapping, got nothing
              c:
                ^
            hint: write {run: ...}

          """##)
  }

  @Test func aTaskNeedsSomethingToRun() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {}
          b: {run: }
          c: {run: ''}
          d: {run: '  '}
          e: {run: []}
          f: {run: ['', x]}
          g: {run: {x: y}}

        """##)
          == ##"""
          w.yaml:2:3: error: task 'a' has nothing to run
              a: {}
              ^
            hint: give it a script or a command: 'run: ...'
          w.yaml:3:3: error: task 'b' has nothing to run
              b: {run: }
              ^
            hint: give it a script or a command: 'run: ...'
          w.yaml:4:12: error: task 'c' has nothing to run
              c: {run: ''}
                       ^~
          w.yaml:5:12: error: task 'd' has nothing to run
              d: {run: '  '}
                       ^~~~
          w.yaml:6:12: error: the command is empty
              e: {run: []}
                       ^~
          w.yaml:7:13: error: the command's name is empty
              f: {run: ['', x]}
                        ^~
          w.yaml:8:12: error: expected a script or a list of arguments, got a mapping
              g: {run: {x: y}}
                       ^~~~~~

          """##)
  }

  @Test func argumentsAreTexts() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: [echo, [x], {y: z}, ~, 1, true]}}

        """##)
          == ##"""
          w.yaml:1:25: error: expected a string, got a list
            tasks: {a: {run: [echo, [x], {y: z}, ~, 1, true]}}
                                    ^~~
          w.yaml:1:30: error: expected a string, got a mapping
            tasks: {a: {run: [echo, [x], {y: z}, ~, 1, true]}}
                                         ^~~~~~
          w.yaml:1:38: error: expected a string, got nothing
            tasks: {a: {run: [echo, [x], {y: z}, ~, 1, true]}}
                                                 ^

          """##)
  }

  @Test func headValuesOfTheWrongType() {
    #expect(
      rendered(
        ##"""
        name: 5
        description: [x]
        labels: [x]
        user: 1
        priority: high
        not_before: tomorrow
        deadline: soon
        params: x
        env: [A=b]
        defaults: 1
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:7: error: expected a string, got 5
            name: 5
                  ^
            hint: quote it: '5'
          w.yaml:2:14: error: expected a string, got a list
            description: [x]
                         ^~~
          w.yaml:3:9: error: expected a mapping, got a list
            labels: [x]
                    ^~~
          w.yaml:4:7: error: expected a string, got 1
            user: 1
                  ^
            hint: quote it: '1'
          w.yaml:5:11: error: expected an integer from -100 to 100, got 'high'
            priority: high
                      ^~~~
          w.yaml:6:13: error: expected a time such as 2026-11-24T02:00:00Z, got 'tomorrow'
            not_before: tomorrow
                        ^~~~~~~~
          w.yaml:7:11: error: expected a duration such as 30s, 5m or 2h, got 'soon'
            deadline: soon
                      ^~~~
          w.yaml:8:9: error: expected a mapping, got 'x'
            params: x
                    ^
          w.yaml:9:6: error: expected a mapping, got a list
            env: [A=b]
                 ^~~~~
            hint: write {NAME: value}
          w.yaml:10:11: error: expected a mapping, got 1
            defaults: 1
                      ^

          """##)
  }

  @Test func headValuesOutOfRange() {
    #expect(
      rendered(
        ##"""
        priority: 101
        deadline: 0s
        not_before: 2026-02-30T00:00:00Z
        labels: {a: [x], b: ~}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:11: error: expected an integer from -100 to 100, got 101
            priority: 101
                      ^~~
          w.yaml:2:11: error: expected a duration longer than 0s, got 0s
            deadline: 0s
                      ^~
          w.yaml:3:13: error: expected a time such as 2026-11-24T02:00:00Z, got '2026-02-30T00:00:00Z'
            not_before: 2026-02-30T00:00:00Z
                        ^~~~~~~~~~~~~~~~~~~~
          w.yaml:4:13: error: expected a string, got a list
            labels: {a: [x], b: ~}
                        ^~~
          w.yaml:4:21: error: expected a string, got nothing
            labels: {a: [x], b: ~}
                                ^

          """##)
  }

  @Test func prioritiesAreWhole() {
    #expect(
      rendered(
        ##"""
        priority: 1.5
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:11: error: expected an integer from -100 to 100, got 1.5
            priority: 1.5
                      ^~~

          """##)
  }

  @Test func taskValuesOfTheWrongType() {
    #expect(
      rendered(
        ##"""
        tasks:
          a:
            run: 'true'
            shell: 5
            workdir: [x]
            env: x
            needs: {x: y}
            if: [x]
            timeout: never
            grace: -1
            retry: 3
            continue_on_error: yes
            outputs: x
            agent: 7
            capabilities: shell

        """##)
          == ##"""
          w.yaml:4:12: error: expected a string, got 5
                shell: 5
                       ^
            hint: quote it: '5'
          w.yaml:5:14: error: expected a string, got a list
                workdir: [x]
                         ^~~
          w.yaml:6:10: error: expected a mapping, got 'x'
                env: x
                     ^
            hint: write {NAME: value}
          w.yaml:7:12: error: expected a task's name or a list of them, got a mapping
                needs: {x: y}
                       ^~~~~~
          w.yaml:8:9: error: expected a condition, got a list
                if: [x]
                    ^~~
          w.yaml:9:14: error: expected a duration such as 30s, 5m or 2h, got 'never'
                timeout: never
                         ^~~~~
          w.yaml:10:12: error: expected a duration such as 30s, 5m or 2h, got -1
                grace: -1
                       ^~
          w.yaml:11:12: error: expected a mapping, got 3
                retry: 3
                       ^
            hint: write {attempts: 3}
          w.yaml:12:24: error: expected true or false, got 'yes'
                continue_on_error: yes
                                   ^~~
            hint: write true
          w.yaml:13:14: error: expected a list of names, got 'x'
                outputs: x
                         ^
            hint: write a list: ['x']
          w.yaml:14:12: error: expected a string, got 7
                agent: 7
                       ^
            hint: quote it: '7'
          w.yaml:15:19: error: expected a list of capabilities, got 'shell'
                capabilities: shell
                              ^~~~~
            hint: write a list: ['shell']

          """##)
  }

  @Test func taskValuesOutOfRange() {
    #expect(
      rendered(
        ##"""
        tasks:
          a:
            run: 'true'
            timeout: 0
            grace: 99999999d
            retry: {attempts: 0, delay: -1s, factor: 0.5, max_delay: 0, jitter: maybe, on_exit: [0, 256, x], on_error: [timout, oom]}

        """##)
          == ##"""
          w.yaml:4:14: error: expected a duration longer than 0s, got 0
                timeout: 0
                         ^
          w.yaml:5:12: error: expected a duration of at most 36525d, got 99999999d
                grace: 99999999d
                       ^~~~~~~~~
          w.yaml:6:23: error: expected an integer from 1 to 100, got 0
                retry: {attempts: 0, delay: -1s, factor: 0.5, max_delay: 0, jitter: 
                                  ^
          w.yaml:6:33: error: expected a duration such as 30s, 5m or 2h, got '-1s'
                retry: {attempts: 0, delay: -1s, factor: 0.5, max_delay: 0, jitter: 
                                            ^~~
          w.yaml:6:46: error: expected a number from 1 to 100, got 0.5
                retry: {attempts: 0, delay: -1s, factor: 0.5, max_delay: 0, jitter: 
                                                         ^~~
          w.yaml:6:62: error: expected a duration longer than 0s, got 0
            {attempts: 0, delay: -1s, factor: 0.5, max_delay: 0, jitter: maybe, on_e
                                                              ^
          w.yaml:6:73: error: expected true or false, got 'maybe'
            0, delay: -1s, factor: 0.5, max_delay: 0, jitter: maybe, on_exit: [0, 25
                                                              ^~~~~
          w.yaml:6:90: error: expected an integer from 1 to 255, got 0
            ctor: 0.5, max_delay: 0, jitter: maybe, on_exit: [0, 256, x], on_error: 
                                                              ^
          w.yaml:6:93: error: expected an integer from 1 to 255, got 256
            r: 0.5, max_delay: 0, jitter: maybe, on_exit: [0, 256, x], on_error: [ti
                                                              ^~~
          w.yaml:6:98: error: expected an integer from 1 to 255, got 'x'
            5, max_delay: 0, jitter: maybe, on_exit: [0, 256, x], on_error: [timout,
                                                              ^
          w.yaml:6:113: error: expected one of timeout, signal, lost, start, output, provider, tool, got 'timout'
            , jitter: maybe, on_exit: [0, 256, x], on_error: [timout, oom]}
                                                              ^~~~~~
            hint: did you mean 'timeout'?
          w.yaml:6:121: error: expected one of timeout, signal, lost, start, output, provider, tool, got 'oom'
            : maybe, on_exit: [0, 256, x], on_error: [timout, oom]}
                                                              ^~~

          """##)
  }

  @Test func resourcesAreNumbersAndSizes() {
    #expect(
      rendered(
        ##"""
        defaults: {resources: 2GiB}
        tasks:
          a: {run: x, resources: {cpus: 0, memory: 512MB}}
          b: {run: x, resources: {cpu: 1, memory: 1000}}

        """##)
          == ##"""
          w.yaml:1:23: error: expected a mapping, got '2GiB'
            defaults: {resources: 2GiB}
                                  ^~~~
            hint: write {memory: 512MiB}
          w.yaml:3:33: error: expected a number from 0.01 to 4096, got 0
              a: {run: x, resources: {cpus: 0, memory: 512MB}}
                                            ^
          w.yaml:3:44: error: expected a size such as 512MiB, got '512MB'
              a: {run: x, resources: {cpus: 0, memory: 512MB}}
                                                       ^~~~~
          w.yaml:4:27: error: unknown key 'cpu'
              b: {run: x, resources: {cpu: 1, memory: 1000}}
                                      ^~~
            hint: did you mean 'cpus'?
          w.yaml:4:43: error: expected a size from 1MiB to 1024TiB, got 1000
              b: {run: x, resources: {cpu: 1, memory: 1000}}
                                                      ^~~~

          """##)
  }

  @Test func retryIsAMapping() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: 'true', retry: always}}

        """##)
          == ##"""
          w.yaml:1:33: error: expected a mapping, got 'always'
            tasks: {a: {run: 'true', retry: always}}
                                            ^~~~~~
            hint: write {attempts: 3}

          """##)
  }

  @Test func retryListsAreLists() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: 'true', retry: {on_exit: 1, on_error: timeout}}}

        """##)
          == ##"""
          w.yaml:1:43: error: expected a list of exit codes, got 1
            tasks: {a: {run: 'true', retry: {on_exit: 1, on_error: timeout}}}
                                                      ^
            hint: write a list: [1]
          w.yaml:1:56: error: expected a list of causes, got 'timeout'
            tasks: {a: {run: 'true', retry: {on_exit: 1, on_error: timeout}}}
                                                                   ^~~~~~~
            hint: write a list: ['timeout']

          """##)
  }

  @Test func shells() {
    #expect(
      rendered(
        ##"""
        defaults: {shell: 'bash -x'}
        tasks:
          a: {run: 'true', shell: ./sh}
          b: {run: 'true', shell: []}
          c: {run: 'true', shell: ['']}
          d: {run: 'true', shell: {x: y}}

        """##)
          == ##"""
          w.yaml:1:19: error: 'bash -x' is no shell
            defaults: {shell: 'bash -x'}
                              ^~~~~~~~~
            hint: give a name such as bash, an absolute path, or a list of words such as [bash, -x, -c]
          w.yaml:3:27: error: './sh' is no shell
              a: {run: 'true', shell: ./sh}
                                      ^~~~
            hint: give a name such as bash, an absolute path, or a list of words such as [bash, -x, -c]
          w.yaml:4:27: error: the shell's name is empty
              b: {run: 'true', shell: []}
                                      ^~
          w.yaml:5:27: error: the shell's name is empty
              c: {run: 'true', shell: ['']}
                                      ^~~~
          w.yaml:6:27: error: expected a shell's name, its path, or a list of words, got a mapping
              d: {run: 'true', shell: {x: y}}
                                      ^~~~~~

          """##)
  }

  @Test func aShellBesideACommandIsUseless() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: [ls], shell: bash}}

        """##)
          == ##"""
          w.yaml:1:31: warning: 'shell' has no effect: 'run' is a list, which no shell reads
            tasks: {a: {run: [ls], shell: bash}}
                                          ^~~~

          """##)
  }
}
