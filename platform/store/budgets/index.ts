export {
  type AnomalyRow,
  type BudgetAlertRow,
  listAnomalies,
  listBudgetAlerts,
  putAnomaly,
  putBudgetAlert,
} from "./budgets.ts";
