/** What a master asks of its execution client at most, and takes from it at most. */

/** Calls in flight at once; further ones wait their turn. */
export const CALLS_IN_FLIGHT_MAX = 32
/** Calls waiting for their turn; over it a call is refused, so that a stuck client fills no memory. */
export const CALLS_WAITING_MAX = 1_024
/** One message or HTTP response: the worst legal block as JSON is under 32 MB. */
export const RESPONSE_BYTES_MAX = 64 * 1024 * 1024
export const CONNECT_TIMEOUT_MS = 5_000
/** First and longest pause between two attempts to connect; doubled from one to the next, each with ±25 % of jitter. */
export const RECONNECT_MS_MIN = 100
export const RECONNECT_MS_MAX = 5_000
/** A client at http:// that gave no heads by WebSocket is polled, and dialled again after this. */
export const DIAL_AGAIN_MS = 60_000
