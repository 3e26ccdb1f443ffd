import type { Route } from "../http/route.ts";
import { appRoutes } from "./apps.ts";
import { branchRoutes } from "./branches.ts";
import { checkRunRoutes } from "./check-runs.ts";
import { commentRoutes } from "./comments.ts";
import { commitRoutes } from "./commits.ts";
import { contentRoutes } from "./contents.ts";
import { deploymentRoutes } from "./deployments.ts";
import { gitDataRoutes } from "./git-data.ts";
import { hookRoutes } from "./hooks.ts";
import { mergeRoutes } from "./merge.ts";
import { metaRoutes } from "./meta.ts";
import { pullRoutes } from "./pulls.ts";
import { refRoutes } from "./refs.ts";
import { repositoryRoutes } from "./repositories.ts";
import { reviewRoutes } from "./reviews.ts";
import { statusRoutes } from "./statuses.ts";

/** In order: the first that matches serves, so a wildcard stands behind what is longer. */
export const allRoutes: readonly Route[] = [
  ...metaRoutes,
  ...appRoutes,
  ...repositoryRoutes,
  ...branchRoutes,
  ...refRoutes,
  ...gitDataRoutes,
  ...contentRoutes,
  ...statusRoutes,
  ...checkRunRoutes,
  ...commitRoutes,
  ...mergeRoutes,
  ...pullRoutes,
  ...reviewRoutes,
  ...commentRoutes,
  ...deploymentRoutes,
  ...hookRoutes,
];

/** What the forge offers, as GitHub's documentation writes it. */
export const forgeOperations = allRoutes.map(({ method, path }) => ({
  method,
  path: path.replaceAll(/[{}]/g, "").replaceAll(/[:*](\w+)/g, "{$1}"),
}));
