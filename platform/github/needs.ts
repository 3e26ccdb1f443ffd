/** What this platform needs of a Git host, once: `github check`, the App's manifest and docs/github.md are held to it. */

export type Level = "read" | "write";
export type Permission = {
  readonly level: Level;
  /** What does not work without it. */
  readonly why: string;
  /** Without it a person does by hand what it would allow. */
  readonly optional?: true;
  /** What is enough to check, where the rest is done by hand. */
  readonly enough?: "read";
};

/** As GitHub names them in an installation. */
export const permissions: Readonly<Record<string, Permission>> = {
  metadata: { level: "read", why: "seeing the repository at all" },
  contents: { level: "write", why: "reading declarations, writing the branches of changes, merging" },
  pull_requests: { level: "write", why: "opening, commenting and merging pull requests" },
  statuses: { level: "write", why: "the five required statuses and nebula/deploy" },
  checks: { level: "write", why: "the check run with its annotations in the diff" },
  deployments: { level: "write", why: "one deployment and its status for each stack" },
  repository_hooks: { level: "write", why: "setting up, rotating and checking the webhook", optional: true },
  administration: {
    level: "write",
    why: "setting up and checking the branch's protection",
    optional: true,
    enough: "read",
  },
};

/** Deliveries are hints of where to look: these two are all that is looked at. */
export const hookEvents = ["push", "pull_request"] as const;

/** Statuses that must be there before anything reaches the default branch. */
export const requiredContexts = [
  "nebula/types",
  "nebula/plan",
  "nebula/policy",
  "nebula/quota",
  "nebula/preview",
] as const;
