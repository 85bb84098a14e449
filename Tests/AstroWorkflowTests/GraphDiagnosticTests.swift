import Testing

@testable import AstroWorkflow

/// What is said about needs, circles and reads of other tasks.
@Suite struct GraphDiagnostics {
  @Test func aTaskCannotNeedItself() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: 'true', needs: [a]}}

        """##)
          == ##"""
          w.yaml:1:34: error: task 'a' needs itself
            tasks: {a: {run: 'true', needs: [a]}}
                                             ^

          """##)
  }

  @Test func twoTasksCannotNeedEachOther() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true', needs: [b]}
          b: {run: 'true', needs: a}

        """##)
          == ##"""
          w.yaml:2:28: error: tasks need each other in a circle: a -> b -> a
              a: {run: 'true', needs: [b]}
                                       ^

          """##)
  }

  @Test func aCircleIsShownWhole() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true', needs: [c]}
          b: {run: 'true', needs: [a]}
          c:
            run: 'true'
            needs:
              - d
              - b
          d: {run: 'true'}

        """##)
          == ##"""
          w.yaml:2:28: error: tasks need each other in a circle: a -> c -> b -> a
              a: {run: 'true', needs: [c]}
                                       ^

          """##)
  }

  @Test func eachKnotIsReportedOnce() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true', needs: [b]}
          b: {run: 'true', needs: [a]}
          c: {run: 'true', needs: [d]}
          d: {run: 'true', needs: [c]}
          e: {run: 'true', needs: [a, c]}

        """##)
          == ##"""
          w.yaml:2:28: error: tasks need each other in a circle: a -> b -> a
              a: {run: 'true', needs: [b]}
                                       ^
          w.yaml:4:28: error: tasks need each other in a circle: c -> d -> c
              c: {run: 'true', needs: [d]}
                                       ^

          """##)
  }

  @Test func aLongCircleIsCut() {
    #expect(
      rendered(
        ##"""
        tasks:
          t0: {run: 'true', needs: [t1]}
          t1: {run: 'true', needs: [t2]}
          t2: {run: 'true', needs: [t3]}
          t3: {run: 'true', needs: [t4]}
          t4: {run: 'true', needs: [t5]}
          t5: {run: 'true', needs: [t6]}
          t6: {run: 'true', needs: [t7]}
          t7: {run: 'true', needs: [t8]}
          t8: {run: 'true', needs: [t9]}
          t9: {run: 'true', needs: [t10]}
          t10: {run: 'true', needs: [t11]}
          t11: {run: 'true', needs: [t12]}
          t12: {run: 'true', needs: [t13]}
          t13: {run: 'true', needs: [t14]}
          t14: {run: 'true', needs: [t15]}
          t15: {run: 'true', needs: [t16]}
          t16: {run: 'true', needs: [t17]}
          t17: {run: 'true', needs: [t18]}
          t18: {run: 'true', needs: [t19]}
          t19: {run: 'true', needs: [t0]}

        """##)
          == ##"""
          w.yaml:2:29: error: tasks need each other in a circle: t0 -> t1 -> t2 -> t3 -> t4 -> t5 -> t6 -> t7 -> t8 -> t9 -> t10 -> t11 -> ... -> t0 (20 tasks)
              t0: {run: 'true', needs: [t1]}
                                        ^~

          """##)
  }

  @Test func anUnknownNeedNamesTheNearest() {
    #expect(
      rendered(
        ##"""
        tasks:
          fetch: {run: 'true'}
          report: {run: 'true', needs: [fecth, nothing]}

        """##)
          == ##"""
          w.yaml:3:33: error: task 'report' needs 'fecth', which is not a task
              report: {run: 'true', needs: [fecth, nothing]}
                                            ^~~~~
            hint: did you mean 'fetch'?
          w.yaml:3:40: error: task 'report' needs 'nothing', which is not a task
              report: {run: 'true', needs: [fecth, nothing]}
                                                   ^~~~~~~
            hint: the tasks are fetch, report

          """##)
  }

  @Test func needsAreNamesOrAListOfThem() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true', needs: }
          b: {run: 'true', needs: {a: b}}
          c: {run: 'true', needs: [[a], ~]}
          d: {run: 'true', needs: 5}

        """##)
          == ##"""
          w.yaml:2:27: error: expected a task's name or a list of them, got nothing
              a: {run: 'true', needs: }
                                      ^
          w.yaml:3:27: error: expected a task's name or a list of them, got a mapping
              b: {run: 'true', needs: {a: b}}
                                      ^~~~~~
          w.yaml:4:28: error: expected a task's name, got a list
              c: {run: 'true', needs: [[a], ~]}
                                       ^~~
          w.yaml:4:33: error: expected a task's name, got nothing
              c: {run: 'true', needs: [[a], ~]}
                                            ^
          w.yaml:5:27: error: task 'd' needs '5', which is not a task
              d: {run: 'true', needs: 5}
                                      ^
            hint: the tasks are a, b, c, d

          """##)
  }

  @Test func aTaskThatIsReadMustBeNeeded() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true'}
          b:
            run: [echo, '${{ tasks.a.stdout }}']

        """##)
          == ##"""
          w.yaml:4:22: error: task 'b' reads tasks.a but does not need it
                run: [echo, '${{ tasks.a.stdout }}']
                                 ^~~~~~~~~~~~~~
            hint: add 'a' to the needs of 'b'

          """##)
  }

  @Test func neededByAnotherIsEnough() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true'}
          b: {run: 'true', needs: [a]}
          c: {run: [echo, '${{ tasks.a.stdout }}'], needs: [b]}
          d: {run: [echo, '${{ tasks.c.stdout }}'], needs: [b]}

        """##)
          == ##"""
          w.yaml:5:24: error: task 'd' reads tasks.c but does not need it
              d: {run: [echo, '${{ tasks.c.stdout }}'], needs: [b]}
                                   ^~~~~~~~~~~~~~
            hint: add 'c' to the needs of 'd'

          """##)
  }

  @Test func aTaskCannotReadItself() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: [echo, '${{ tasks.a.stdout }}']}}

        """##)
          == ##"""
          w.yaml:1:30: error: task 'a' reads tasks.a, which is itself
            tasks: {a: {run: [echo, '${{ tasks.a.stdout }}']}}
                                         ^~~~~~~~~~~~~~

          """##)
  }

  @Test func anUnknownTaskNamesTheNearest() {
    #expect(
      rendered(
        ##"""
        tasks:
          fetch: {run: 'true'}
          b: {run: [echo, '${{ tasks.fecth.stdout }}', '${{ tasks.zzz.stdout }}'], needs: fetch}

        """##)
          == ##"""
          w.yaml:3:24: error: there is no task 'fecth'
              b: {run: [echo, '${{ tasks.fecth.stdout }}', '${{ tasks.zzz.stdout }}'
                                   ^~~~~~~~~~~~~~~~~~
            hint: did you mean 'fetch'?
          w.yaml:3:53: error: there is no task 'zzz'
              b: {run: [echo, '${{ tasks.fecth.stdout }}', '${{ tasks.zzz.stdout }}'
                                                                ^~~~~~~~~~~~~~~~
            hint: the tasks are fetch, b

          """##)
  }

  @Test func whatATaskDoesNotRecord() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true'}
          b: {run: [echo, '${{ tasks.a.stduot }}', '${{ tasks.a.result }}'], needs: a}

        """##)
          == ##"""
          w.yaml:3:24: error: there is no 'tasks.a.stduot'
              b: {run: [echo, '${{ tasks.a.stduot }}', '${{ tasks.a.result }}'], nee
                                   ^~~~~~~~~~~~~~
            hint: did you mean 'stdout'?
          w.yaml:3:49: error: there is no 'tasks.a.result'
              b: {run: [echo, '${{ tasks.a.stduot }}', '${{ tasks.a.result }}'], nee
                                                            ^~~~~~~~~~~~~~
            hint: a task has status, exit_code, stdout and outputs

          """##)
  }

  @Test func whatNobodyDeclared() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: [echo, '${{ params.x }}', '${{ env.Y }}']}}

        """##)
          == ##"""
          w.yaml:1:30: error: there is no parameter 'x'
            tasks: {a: {run: [echo, '${{ params.x }}', '${{ env.Y }}']}}
                                         ^~~~~~~~
            hint: there are no parameters
          w.yaml:1:49: error: there is no variable 'Y'
            tasks: {a: {run: [echo, '${{ params.x }}', '${{ env.Y }}']}}
                                                            ^~~~~
            hint: there are no variables

          """##)
  }

  @Test func whatATaskDoesNotPromise() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true', outputs: [rows, bytes]}
          b: {run: [echo, '${{ tasks.a.outputs.row }}', '${{ tasks.a.outputs.zzz }}'], needs: a}
          c: {run: [echo, '${{ tasks.b.outputs.any }}'], needs: b}

        """##)
          == ##"""
          w.yaml:3:24: error: task 'a' promises no output 'row'
              b: {run: [echo, '${{ tasks.a.outputs.row }}', '${{ tasks.a.outputs.zzz
                                   ^~~~~~~~~~~~~~~~~~~
            hint: did you mean 'rows'?
          w.yaml:3:54: error: task 'a' promises no output 'zzz'
              b: {run: [echo, '${{ tasks.a.outputs.row }}', '${{ tasks.a.outputs.zzz
                                                                 ^~~~~~~~~~~~~~~~~~~
            hint: its outputs: rows, bytes

          """##)
  }

  @Test func aTaskMustBeNamedInTheText() {
    #expect(
      rendered(
        ##"""
        params: {t: a}
        tasks:
          a: {run: 'true'}
          b: {run: [echo, '${{ tasks[params.t].stdout }}'], needs: a}

        """##)
          == ##"""
          w.yaml:4:24: error: a task must be named in the text: 'tasks.<id>'
              b: {run: [echo, '${{ tasks[params.t].stdout }}'], needs: a}
                                   ^~~~~~~~~~~~~~~~~~~~~~

          """##)
  }

  @Test func aBarIsNoName() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true'}
          b: {run: [echo, '${{ toJSON(tasks) }}'], needs: a}

        """##)
          == ##"""
          w.yaml:3:31: error: a task must be named in the text: 'tasks.<id>'
              b: {run: [echo, '${{ toJSON(tasks) }}'], needs: a}
                                          ^~~~~

          """##)
  }
}
