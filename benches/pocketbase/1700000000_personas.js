// The collection of the comparison: the members that the load reads and changes, open to every client.
migrate(
  (app) => {
    app.save(
      new Collection({
        type: "base",
        name: "personas",
        listRule: "",
        viewRule: "",
        createRule: "",
        updateRule: "",
        deleteRule: "",
        fields: [
          { type: "text", name: "name", required: true, max: 256 },
          { type: "text", name: "nickname", max: 256 },
          { type: "text", name: "description", max: 262144 },
          { type: "text", name: "system_prompt", max: 262144 },
          { type: "json", name: "tags", maxSize: 65536 },
          { type: "number", name: "counter" },
          { type: "autodate", name: "created", onCreate: true },
          { type: "autodate", name: "updated", onCreate: true, onUpdate: true },
        ],
      }),
    );
  },
  (app) => app.delete(app.findCollectionByNameOrId("personas")),
);
