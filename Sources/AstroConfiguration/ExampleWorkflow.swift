/// The workflow that `astro init` leaves in a new home: byte for byte `workflows/disk-report.yaml`.
public enum ExampleWorkflow {
  public static let name = "disk-report.yaml"

  public static let text = #"""
    # What fills this machine: its largest packages, what was installed of late, and how full the file systems are.
    #
    #   cp workflows/disk-report.yaml spool/ && astro drain
    #   astro logs @latest report
    #
    # The report is in the run's files/report.txt.
    name: disk-report
    description: The largest packages, the latest installations, and the room on the file systems.
    params:
      top: 10                         # how many packages and installations are listed
    defaults: {timeout: 1m}
    tasks:
      packages:
        env: {TOP: '${{ params.top }}'}
        run: |
          dpkg-query -W -f '${Installed-Size} ${Package}\n' | sort -rn > sizes.txt
          head -n "$TOP" sizes.txt > packages.txt
          echo "count=$(wc -l < sizes.txt)" >> "$ASTRO_OUTPUT"
        outputs: [count]

      recent:
        # Logs are rotated and compressed, and images of containers come without them: then there is nothing to tell.
        env: {TOP: '${{ params.top }}'}
        run: |
          for log in /var/log/dpkg.log.1 /var/log/dpkg.log; do
            if [ -r "$log" ]; then cat "$log"; fi
          done | awk '$3 == "install" || $3 == "upgrade" {print $1, $2, $3, $4}' | tail -n "$TOP" > recent.txt

      file-systems:
        # A machine that has its root in memory has no file system of the first kind.
        run: |
          columns=--output=target,size,used,pcent
          df -h --local "$columns" --exclude-type=tmpfs --exclude-type=devtmpfs 2> df.why || df -h "$columns" /

      report:
        needs: [packages, recent, file-systems]
        env:
          COUNT: '${{ tasks.packages.outputs.count }}'
          DISKS: '${{ tasks.file-systems.stdout }}'
        run: |
          {
            printf 'The largest of %s packages (KiB):\n' "$COUNT"
            cat packages.txt
            printf '\nInstalled or upgraded of late:\n'
            if [ -s recent.txt ]; then cat recent.txt; else echo 'nothing is on record'; fi
            printf '\nFile systems:\n%s\n' "$DISKS"
          } > report.txt
          cat report.txt
          echo "lines=$(wc -l < report.txt)" >> "$ASTRO_OUTPUT"
        outputs: [lines]

    """#
}
