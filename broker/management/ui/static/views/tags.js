// What a user's tags allow, for forms that offer them.
export const TAGS = [
  ["administrator", "everything"],
  ["monitoring", "sees everything, changes nothing but its own"],
  ["policymaker", "management, and policies and parameters"],
  ["management", "the page, for the vhosts it has permissions in"],
];
