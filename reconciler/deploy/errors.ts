import { defineError } from "../../platform/core/index.ts";

export const deployFailed = defineError({
  code: "NEB301",
  status: 500,
  title: "Deployment failed",
  retry: true,
  hint: "It is tried again by itself; `nebula ops list` shows each attempt.",
});

export const deadlinePassed = defineError({
  code: "NEB302",
  status: 504,
  title: "Deployment took too long",
  retry: true,
  hint: "It is tried again by itself. When it keeps happening, look at the machine's load and the database's log.",
});

export const workerLost = defineError({
  code: "NEB303",
  status: 500,
  title: "Worker process lost",
  retry: true,
  hint: "The process was killed from outside or ran out of memory; the deployment is taken up again by itself.",
});

export const projectUnknown = defineError({
  code: "NEB304",
  status: 404,
  title: "Nothing to deploy",
  retry: false,
  hint: "Declare the project in the repository's default branch; a declaration that does not evaluate is not deployed.",
});

export const stateUnreadable = defineError({
  code: "NEB305",
  status: 500,
  title: "Pulumi's state cannot be read",
  retry: false,
  hint: "Restore the stack's checkpoint from its history in the ledger, then deploy again.",
});

export const workersClosed = defineError({
  code: "NEB307",
  status: 503,
  title: "The reconciler is stopping",
  retry: true,
  hint: "Try again in a moment.",
});

export const effectNotAdmitted = defineError({
  code: "NEB308",
  status: 403,
  title: "Not admitted",
  retry: false,
  hint: "What `pulumi up` deploys is held to the fleet's quotas and policies, as a merge is.",
});

export const planChanged = defineError({
  code: "NEB311",
  status: 409,
  title: "Blocked: plan changed",
  retry: false,
  hint: "What would be applied is not what was reviewed. `nebula ops approve` accepts exactly this plan; or merge a pull request that brings the text back.",
});
