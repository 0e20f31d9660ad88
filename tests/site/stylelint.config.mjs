export default {
  extends: "stylelint-config-standard",
  rules: {
    // Off: the sheet is in the order in which the page is, so ".viewer button" comes before ".choice" and after ".sort".
    "no-descending-specificity": null,
    // Off for these: browsers cut text after some lines only under the prefixed names.
    "property-no-vendor-prefix": [true, { ignoreProperties: ["box-orient", "line-clamp"] }],
    "value-no-vendor-prefix": [true, { ignoreValues: ["box"] }],
  },
};
