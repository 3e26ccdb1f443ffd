import type { Dashboard } from "./dashboard.ts";
import { databaseDashboard } from "./database.ts";
import { engineDashboards } from "./engines.ts";
import { billingDashboard, controlPlaneDashboard, fleetDashboard } from "./platform.ts";

export { type Dashboard, type Panel, toGrafana } from "./dashboard.ts";

export const dashboards: readonly Dashboard[] = [
  databaseDashboard,
  ...engineDashboards,
  fleetDashboard,
  controlPlaneDashboard,
  billingDashboard,
];
