"""The commands of `matloom`, one module an area; thin skins over public functions of the same name."""
