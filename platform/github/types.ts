/** What the rest of NebulaDB sees of a Git host: our own plain values, never Octokit's. Times are RFC 3339 UTC. */
import type { Secret } from "../core/index.ts";

export type GitHubAuth =
  | { readonly kind: "token"; readonly token: Secret }
  | {
      readonly kind: "app";
      readonly appId: number;
      /** PEM. */
      readonly privateKey: Secret;
      /** Absent: only what an App may ask as itself. */
      readonly installationId?: number;
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
  readonly labels: readonly string[];
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

export type HookWanted = {
  readonly url: string;
  readonly secret: Secret;
  readonly events: readonly string[];
};

/** A webhook of the repository. Its secret is never given out. */
export type Hook = {
  readonly id: number;
  readonly url: string;
  readonly active: boolean;
  readonly events: readonly string[];
  /** `json` or `form`. */
  readonly contentType: string;
  readonly hasSecret: boolean;
  /** What its receiver answered last; null when it was never delivered to. */
  readonly lastCode: number | null;
  readonly lastMessage: string;
};

export type HookDelivery = {
  readonly id: number;
  /** The X-GitHub-Delivery header. */
  readonly guid: string;
  readonly event: string;
  /** "OK", or why it was not delivered. */
  readonly status: string;
  /** What the receiver answered; 0 when it was not reached. */
  readonly statusCode: number;
  readonly deliveredAt: string;
};

/** What guards a branch, by classic protection or by rule sets. */
export type BranchGuard = {
  readonly isProtected: boolean;
  /** Statuses and check runs that must have passed. */
  readonly contexts: readonly string[];
  /** Undefined: our credential may not read it. */
  readonly enforceAdmins?: boolean;
  readonly allowsForcePushes?: boolean;
};

/** An App's installation on the owner of a repository. */
export type Installation = {
  readonly id: number;
  readonly permissions: Readonly<Record<string, string>>;
  readonly isSuspended: boolean;
  /** Where a person changes it. */
  readonly url: string;
};

export type RateBudget = { readonly limit: number; readonly remaining: number; readonly resetsAt: string };
