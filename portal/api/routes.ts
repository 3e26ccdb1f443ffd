import { auditRoutes } from "./audit-logs.ts";
import { authRoutes } from "./auth.ts";
import { healthRoutes } from "./health.ts";
import type { AnyRoute } from "./route.ts";

/** Every route of the portal, in the order of the reference. To add one, see docs/recipes/add-a-route.md. */
export const routes: readonly AnyRoute[] = [...auditRoutes, ...authRoutes, ...healthRoutes(() => routes)];
