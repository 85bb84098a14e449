import Testing

@testable import AstroConfiguration

/// What is said about system_config.yaml.
@Suite struct SystemDiagnostics {
  @Test func anUnknownKeyNamesTheNearest() throws {
    #expect(
      try said(
        system: ##"""
          system:
            log_levle: INFO
            zzz: 1

          """##)
          == ##"""
          config/system_config.yaml:2:3: error: unknown key 'log_levle'
              log_levle: INFO
              ^~~~~~~~~
            hint: did you mean 'log_level'?
          config/system_config.yaml:3:3: error: unknown key 'zzz'
              zzz: 1
              ^~~
            hint: valid keys: environment, log_level, json_logging, log_file, log_rotation, rate_limits, health_check_interval, health_file, metrics_enabled, metrics_file, metrics_interval, max_parallel_tasks, max_active_workflows, max_task_output, spool_dir, data_dir, require_final_newline, trusted_users, retention

          """##)
  }

  @Test func aKeyOfSystemAtTheTop() throws {
    #expect(
      try said(
        system: ##"""
          log_level: INFO
          systm: {}
          zzz: 1

          """##)
          == ##"""
          config/system_config.yaml:1:1: error: unknown key 'log_level'
            log_level: INFO
            ^~~~~~~~~
            hint: it is a key of 'system'
          config/system_config.yaml:2:1: error: unknown key 'systm'
            systm: {}
            ^~~~~
            hint: did you mean 'system'?
          config/system_config.yaml:3:1: error: unknown key 'zzz'
            zzz: 1
            ^~~
            hint: valid keys: system, limits, budgets

          """##)
  }

  @Test func aDuplicateKey() throws {
    #expect(
      try said(
        system: ##"""
          system: {log_level: INFO, log_level: ERROR}

          """##)
          == ##"""
          config/system_config.yaml:1:27: error: duplicate key 'log_level', first given in line 1
            system: {log_level: INFO, log_level: ERROR}
                                      ^~~~~~~~~

          """##)
  }

  @Test func brokenSyntax() throws {
    #expect(
      try said(
        system: ##"""
          system: {log_level: INFO

          """##)
          == ##"""
          config/system_config.yaml:1:9: error: the mapping that begins here has no closing '}'
            system: {log_level: INFO
                    ^

          """##)
  }

  @Test func theTopIsAMapping() throws {
    #expect(
      try said(
        system: ##"""
          - a

          """##)
          == ##"""
          config/system_config.yaml:1:1: error: expected a mapping, got a list
            - a
            ^

          """##)
  }

  @Test func systemIsAMapping() throws {
    #expect(
      try said(
        system: ##"""
          system: [a]

          """##)
          == ##"""
          config/system_config.yaml:1:9: error: expected a mapping, got a list
            system: [a]
                    ^~~

          """##)
  }

  @Test func metricsPortIsAWarning() throws {
    #expect(
      try said(
        system: ##"""
          system:
            metrics_port: 9090

          """##)
          == ##"""
          config/system_config.yaml:2:3: warning: 'metrics_port' is ignored: metrics are a file, there is no port
              metrics_port: 9090
              ^~~~~~~~~~~~
            hint: remove it

          """##)
  }

  @Test func words() throws {
    #expect(
      try said(
        system: ##"""
          system: {environment: staging, log_level: info}

          """##)
          == ##"""
          config/system_config.yaml:1:23: error: expected one of production, development, got 'staging'
            system: {environment: staging, log_level: info}
                                  ^~~~~~~
          config/system_config.yaml:1:43: error: expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got 'info'
            system: {environment: staging, log_level: info}
                                                      ^~~~
            hint: did you mean 'INFO'?

          """##)
  }

  @Test func truths() throws {
    #expect(
      try said(
        system: ##"""
          system: {json_logging: yes, metrics_enabled: 1, require_final_newline: 'no'}

          """##)
          == ##"""
          config/system_config.yaml:1:24: error: expected true or false, got 'yes'
            system: {json_logging: yes, metrics_enabled: 1, require_final_newline: '
                                   ^~~
            hint: write true
          config/system_config.yaml:1:46: error: expected true or false, got 1
            system: {json_logging: yes, metrics_enabled: 1, require_final_newline: '
                                                         ^
          config/system_config.yaml:1:72: error: expected true or false, got 'no'
            : yes, metrics_enabled: 1, require_final_newline: 'no'}
                                                              ^~~~
            hint: write false

          """##)
  }

  @Test func intervals() throws {
    #expect(
      try said(
        system: ##"""
          system: {health_check_interval: 0, metrics_interval: 2d}

          """##)
          == ##"""
          config/system_config.yaml:1:33: error: expected a duration from 100ms to 1d, got 0
            system: {health_check_interval: 0, metrics_interval: 2d}
                                            ^
          config/system_config.yaml:1:54: error: expected a duration from 100ms to 1d, got 2d
            system: {health_check_interval: 0, metrics_interval: 2d}
                                                                 ^~

          """##)
  }

  @Test func absurdIntervals() throws {
    #expect(
      try said(
        system: ##"""
          system: {health_check_interval: 1e300, metrics_interval: -5}

          """##)
          == ##"""
          config/system_config.yaml:1:33: error: expected a duration from 100ms to 1d, got 1e300
            system: {health_check_interval: 1e300, metrics_interval: -5}
                                            ^~~~~
          config/system_config.yaml:1:58: error: expected a duration such as 30s, 5m or 2h, got -5
            system: {health_check_interval: 1e300, metrics_interval: -5}
                                                                     ^~

          """##)
  }

  @Test func intervalsThatAreNone() throws {
    #expect(
      try said(
        system: ##"""
          system: {health_check_interval: soon, metrics_interval: [5]}

          """##)
          == ##"""
          config/system_config.yaml:1:33: error: expected a duration such as 30s, 5m or 2h, got 'soon'
            system: {health_check_interval: soon, metrics_interval: [5]}
                                            ^~~~
          config/system_config.yaml:1:57: error: expected a duration such as 30s, 5m or 2h, got a list
            system: {health_check_interval: soon, metrics_interval: [5]}
                                                                    ^~~

          """##)
  }

  @Test func counts() throws {
    #expect(
      try said(
        system: ##"""
          system: {max_parallel_tasks: -1, max_active_workflows: 0}

          """##)
          == ##"""
          config/system_config.yaml:1:30: error: expected an integer from 0 to 10000, got -1
            system: {max_parallel_tasks: -1, max_active_workflows: 0}
                                         ^~
          config/system_config.yaml:1:56: error: expected an integer from 1 to 100000, got 0
            system: {max_parallel_tasks: -1, max_active_workflows: 0}
                                                                   ^

          """##)
  }

  @Test func absurdCounts() throws {
    #expect(
      try said(
        system: ##"""
          system: {max_parallel_tasks: 99999999999999999999, max_active_workflows: many}

          """##)
          == ##"""
          config/system_config.yaml:1:30: error: expected an integer from 0 to 10000, got 99999999999999999999
            system: {max_parallel_tasks: 99999999999999999999, max_active_workflows:
                                         ^~~~~~~~~~~~~~~~~~~~
          config/system_config.yaml:1:74: error: expected an integer from 1 to 100000, got 'many'
            asks: 99999999999999999999, max_active_workflows: many}
                                                              ^~~~

          """##)
  }

  @Test func paths() throws {
    #expect(
      try said(
        system: ##"""
          system: {log_file: '', spool_dir: 5, data_dir: "a\nb"}

          """##)
          == ##"""
          config/system_config.yaml:1:20: error: '' is not a path
            system: {log_file: '', spool_dir: 5, data_dir: "a\nb"}
                               ^~
          config/system_config.yaml:1:35: error: expected a string, got 5
            system: {log_file: '', spool_dir: 5, data_dir: "a\nb"}
                                              ^
            hint: quote it: '5'
          config/system_config.yaml:1:48: error: 'a\nb' is not a path
            system: {log_file: '', spool_dir: 5, data_dir: "a\nb"}
                                                           ^~~~~~

          """##)
  }

  @Test func twoThingsInOnePlace() throws {
    #expect(
      try said(
        system: ##"""
          system: {health_file: data/x, metrics_file: data/x, data_dir: spool}

          """##)
          == ##"""
          config/system_config.yaml:1:45: error: 'health_file' and 'metrics_file' are both 'data/x'
            system: {health_file: data/x, metrics_file: data/x, data_dir: spool}
                                                        ^~~~~~
          config/system_config.yaml:1:63: error: 'spool_dir' and 'data_dir' are both 'spool'
            lth_file: data/x, metrics_file: data/x, data_dir: spool}
                                                              ^~~~~

          """##)
  }

  @Test func trustedUsers() throws {
    #expect(
      try said(
        system: ##"""
          system: {trusted_users: alice}

          """##)
          == ##"""
          config/system_config.yaml:1:25: error: expected a list of strings, got 'alice'
            system: {trusted_users: alice}
                                    ^~~~~
            hint: write a list: ['alice']

          """##)
  }

  @Test func retention() throws {
    #expect(
      try said(
        system: ##"""
          system: {retention: {keep: forever, keep_failed: 99999999d, kep: 1}}

          """##)
          == ##"""
          config/system_config.yaml:1:28: error: expected a duration such as 30s, 5m or 2h, got 'forever'
            system: {retention: {keep: forever, keep_failed: 99999999d, kep: 1}}
                                       ^~~~~~~
          config/system_config.yaml:1:50: error: expected a duration of at most 36525d, got 99999999d
            system: {retention: {keep: forever, keep_failed: 99999999d, kep: 1}}
                                                             ^~~~~~~~~
          config/system_config.yaml:1:61: error: unknown key 'kep'
            system: {retention: {keep: forever, keep_failed: 99999999d, kep: 1}}
                                                                        ^~~
            hint: did you mean 'keep'?

          """##)
  }

  @Test func sizes() throws {
    #expect(
      try said(
        system: ##"""
          system:
            max_task_output: 64MB
            log_rotation: {size: 1K, keep: 0, kep: 1}

          """##)
          == ##"""
          config/system_config.yaml:2:20: error: expected a size such as 512MiB, got '64MB'
              max_task_output: 64MB
                               ^~~~
          config/system_config.yaml:3:24: error: expected a size from 64KiB to 1024TiB, got 1K
              log_rotation: {size: 1K, keep: 0, kep: 1}
                                   ^~
          config/system_config.yaml:3:34: error: expected an integer from 1 to 1000, got 0
              log_rotation: {size: 1K, keep: 0, kep: 1}
                                             ^
          config/system_config.yaml:3:37: error: unknown key 'kep'
              log_rotation: {size: 1K, keep: 0, kep: 1}
                                                ^~~
            hint: did you mean 'keep'?

          """##)
    #expect(
      try said(system: "system: {log_rotation: never}\n")
        == """
        config/system_config.yaml:1:24: error: expected a mapping, got 'never'
          system: {log_rotation: never}
                                 ^~~~~
          hint: write {size: 100MiB, keep: 5}, or unlimited where logrotate does it

        """)
  }

  @Test func rateLimits() throws {
    #expect(
      try said(
        system: ##"""
          system:
            rate_limits:
              task_submision: {}
              task_submission: {max_requests: 0, window_seconds: 0}
              workflow_creation: {max_requests: 5}
              api_calls: {max_request: 5, window_seconds: 60}

          """##)
          == ##"""
          config/system_config.yaml:3:5: error: unknown key 'task_submision'
                task_submision: {}
                ^~~~~~~~~~~~~~
            hint: did you mean 'task_submission'?
          config/system_config.yaml:4:37: error: expected an integer from 1 to 1000000000, got 0
                task_submission: {max_requests: 0, window_seconds: 0}
                                                ^
          config/system_config.yaml:4:56: error: expected a duration from 100ms to 366d, got 0
                task_submission: {max_requests: 0, window_seconds: 0}
                                                                   ^
          config/system_config.yaml:5:24: error: 'window_seconds' is missing
                workflow_creation: {max_requests: 5}
                                   ^~~~~~~~~~~~~~~~~
          config/system_config.yaml:6:16: error: 'max_requests' is missing
                api_calls: {max_request: 5, window_seconds: 60}
                           ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
          config/system_config.yaml:6:17: error: unknown key 'max_request'
                api_calls: {max_request: 5, window_seconds: 60}
                            ^~~~~~~~~~~
            hint: did you mean 'max_requests'?

          """##)
  }

  @Test func aRateLimitThatIsAWord() throws {
    #expect(
      try said(
        system: ##"""
          system: {rate_limits: {api_calls: unlimitted, task_submission: 5}}

          """##)
          == ##"""
          config/system_config.yaml:1:35: error: expected a mapping, got 'unlimitted'
            system: {rate_limits: {api_calls: unlimitted, task_submission: 5}}
                                              ^~~~~~~~~~
            hint: write {max_requests: 100, window_seconds: 60}, or unlimited
          config/system_config.yaml:1:64: error: expected a mapping, got 5
            _limits: {api_calls: unlimitted, task_submission: 5}}
                                                              ^
            hint: write {max_requests: 100, window_seconds: 60}, or unlimited

          """##)
  }

  @Test func manyAtOnce() throws {
    #expect(
      try said(
        system: ##"""
          system:
            log_level: LOUD
            environment: moon
          limit: {}

          """##,
        agents: ##"""
          agents: [{id: a}]

          """##,
        models: ##"""
          models: 5

          """##,
        environment: ["JSON_LOGGING": "perhaps"])
          == ##"""
          config/system_config.yaml:2:14: error: expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got 'LOUD'
              log_level: LOUD
                         ^~~~
          config/system_config.yaml:3:16: error: expected one of production, development, got 'moon'
              environment: moon
                           ^~~~
          config/system_config.yaml:4:1: error: unknown key 'limit'
            limit: {}
            ^~~~~
            hint: did you mean 'limits'?
          environment: error: the variable JSON_LOGGING must be true or false, got 'perhaps'
            hint: unset it to have what config/system_config.yaml says
          config/agents.yaml:1:10: error: 'type' is missing
            agents: [{id: a}]
                     ^~~~~~~
          config/models.yaml:1:9: error: expected a list of models, got 5
            models: 5
                    ^
            hint: each begins with '- model: ...'

          """##)
  }

  @Test func environmentVariables() throws {
    #expect(
      try said(
        system: ##"""
          system: {}

          """##,
        environment: ["ENVIRONMENT": "staging", "LOG_LEVEL": "LOUD", "JSON_LOGGING": "yes"])
          == ##"""
          environment: error: the variable ENVIRONMENT must be production or development, got 'staging'
            hint: unset it to have what config/system_config.yaml says
          environment: error: the variable LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, got 'LOUD'
            hint: unset it to have what config/system_config.yaml says
          environment: error: the variable JSON_LOGGING must be true or false, got 'yes'
            hint: unset it to have what config/system_config.yaml says

          """##)
  }
}
