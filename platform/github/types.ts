/** What the rest of NebulaDB sees of a Git host: our own plain values, never Octokit's. Times are RFC 3339 UTC. */
import type { Secret } from "../core/index.ts";

export type GitHubAuth =
  | { readonly kind: "token"; readonly token: Secret }
  | {
      readonly kind: "app";
      readonly appId: number;
      /** PEM. */
      readonly privateKey: Secret;
      readonly installationId: number;
    };

export type Commit = {
  readonly sha: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
};

/** A file of a new tree. `content` null deletes the path. */
export type TreeChange = { readonly path: string; readonly content: string | null };

export type FileContent = { readonly path: string; readonly text: string; readonly sha: string };

export type Pull = {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly state: "open" | "closed";
  readonly merged: boolean;
  /** The commit on the base branch once merged; null before. */
  readonly mergeCommit: string | null;
  readonly head: {
    readonly ref: string;
    readonly sha: string;
    /** `owner/name`; null when the fork was deleted. */
    readonly repository: string | null;
  };
  readonly base: { readonly ref: string; readonly sha: string };
  readonly author: string;
  /** The account's number: a login can be given up and taken by somebody else. null: a deleted account. */
  readonly authorId: number | null;
  readonly url: string;
  /** null while the host still computes it, and in lists. */
  readonly mergeable: boolean | null;
  /** clean | dirty | blocked | behind | unstable | unknown | draft. */
  readonly mergeableState: string;
  readonly draft: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly mergedAt: string | null;
};

export type PullFile = {
  readonly path: string;
  readonly status: "added" | "removed" | "modified" | "renamed" | "copied" | "changed" | "unchanged";
  readonly previousPath: string | null;
  readonly additions: number;
  readonly deletions: number;
  /** Unified diff without the file header; null for binary or very large files. */
  readonly patch: string | null;
};

export const mergeMethods = ["merge", "squash", "rebase"] as const;
export type MergeMethod = (typeof mergeMethods)[number];

export const statusStates = ["pending", "success", "failure", "error"] as const;
export type StatusState = (typeof statusStates)[number];

export type CommitStatus = {
  readonly context: string;
  readonly state: StatusState;
  /** Cut to 140 characters on the way out. */
  readonly description: string;
  readonly targetUrl: string | null;
};

export type Annotation = {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly startColumn?: number;
  readonly endColumn?: number;
  readonly level: "notice" | "warning" | "failure";
  readonly title: string;
  readonly message: string;
};

export type CheckRunWanted = {
  readonly name: string;
  readonly sha: string;
  readonly detailsUrl?: string;
  readonly state:
    | { readonly kind: "running" }
    | { readonly kind: "done"; readonly conclusion: "success" | "failure" | "neutral" | "cancelled" };
  readonly title: string;
  readonly summary: string;
  readonly annotations: readonly Annotation[];
};

export type DeploymentState = "queued" | "in_progress" | "success" | "failure" | "error" | "inactive";

export type IssueComment = { readonly id: number; readonly body: string; readonly author: string };

export type HookDelivery = {
  readonly id: number;
  /** The X-GitHub-Delivery header. */
  readonly guid: string;
  readonly event: string;
  readonly statusCode: number;
  readonly deliveredAt: string;
};
