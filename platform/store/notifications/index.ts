export {
  claimMessages,
  type MessageRow,
  noteMessage,
  replayMessages,
  type Told,
} from "./messages.ts";
export {
  type ListedNotification,
  listNotifications,
  markSpread,
  type NotificationRow,
  notificationsChanged,
  notSpread,
  pruneNotifications,
  putNotification,
} from "./notifications.ts";
