/** A series that Prometheus computes and keeps. */
export type Recorded = { readonly record: string; readonly expr: string };

/**
 * critical: somebody is called now. warning: somebody looks within the day.
 */
export type Severity = "critical" | "warning";

/** As promtool writes series: `0x10` is eleven zeros, one a minute; `1+2x3` is 1, 3, 5, 7. */
export type Series = { readonly series: string; readonly values: string };

/** What is so when the alert is looked at. */
export type Case = {
  readonly input: readonly Series[];
  /** After so long. */
  readonly at: string;
  /** How far apart the values are, and the looks at the rules. Default: a minute. */
  readonly every?: "1m" | "10m" | "30m";
};

/** An alert that nobody has seen fire, and seen not to, does not compile. */
export type Alert = {
  readonly name: string;
  readonly expr: string;
  /** For so long without a break. */
  readonly for: string;
  readonly severity: Severity;
  /** One line, with `{{ $labels.x }}` for labels. */
  readonly summary: string;
  /** The file in docs/runbooks/ that says what to do, without `.md`. */
  readonly runbook: string;
  readonly fires: Case & {
    /** Labels that it then has, the severity and the name aside. */
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly quiet: Case;
};

export type AlertGroup = { readonly name: string; readonly alerts: readonly Alert[] };
export type RecordGroup = { readonly name: string; readonly records: readonly Recorded[] };
