// Arguments that people use, as rows of name, kind and what it does; offered in forms.
export const QUEUE_ARGUMENTS = [
  ["x-message-ttl", "number", "Messages expire after so many milliseconds"],
  ["x-expires", "number", "The queue is deleted when unused for so many milliseconds"],
  ["x-max-length", "number", "At most so many messages"],
  ["x-max-length-bytes", "number", "At most so many bytes"],
  ["x-overflow", "text", "drop-head, reject-publish or reject-publish-dlx"],
  ["x-dead-letter-exchange", "text", "Where messages go that expire or are rejected"],
  ["x-dead-letter-routing-key", "text", "The routing key of dead letters, if not their own"],
  ["x-max-priority", "number", "Priorities from 0 to this, at most 255"],
  ["x-single-active-consumer", "yes/no", "Only one consumer gets messages at a time"],
];

export const EXCHANGE_ARGUMENTS = [
  ["alternate-exchange", "text", "Where messages go that no binding takes"],
];

export const POLICY_KEYS = [
  ["message-ttl", "number", "Messages expire after so many milliseconds"],
  ["expires", "number", "Queues are deleted when unused for so many milliseconds"],
  ["max-length", "number", "At most so many messages"],
  ["max-length-bytes", "number", "At most so many bytes"],
  ["overflow", "text", "drop-head, reject-publish or reject-publish-dlx"],
  ["dead-letter-exchange", "text", "Where messages go that expire or are rejected"],
  ["dead-letter-routing-key", "text", "The routing key of dead letters"],
  ["alternate-exchange", "text", "For exchanges: where messages go that no binding takes"],
];

export const OPERATOR_POLICY_KEYS = POLICY_KEYS.filter(([name]) =>
  ["message-ttl", "expires", "max-length", "max-length-bytes"].includes(name));

export const EXCHANGE_TYPES = ["direct", "fanout", "topic", "headers", "x-consistent-hash", "x-modulus-hash", "x-random"];

export const TAGS = [
  ["administrator", "everything"],
  ["monitoring", "sees everything, changes nothing but its own"],
  ["policymaker", "management, and policies and parameters"],
  ["management", "the page, for the vhosts it has permissions in"],
];
