"""Registry of classes by name, read by help texts, configurations and builders."""

from typing import ClassVar, Generic, Protocol, TypeVar

from keras_vae.errors import InputError


class _Described(Protocol):
    name: ClassVar[str]
    description: ClassVar[str]


T = TypeVar("T", bound=_Described)


class Registry(Generic[T]):
    """Classes by their attribute `name`, with a phrase for help texts in `description`.

    Args:
        argument: name of the argument that takes these names, for error messages.
        base: the class that all entries derive from.
    """

    def __init__(self, argument: str, base: type[T]):
        self.argument, self.base = argument, base
        self._classes: dict[str, type[T]] = {}

    def register(self, cls: type[T]) -> type[T]:
        name = vars(cls).get("name", "")
        if not issubclass(cls, self.base) or not name:
            raise InputError(
                f"register: expected a subclass of {self.base.__name__} with a `name` of its own; received {cls!r}."
            )
        taken = self._classes.get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise InputError(
                f"register: expected a new name; received {name!r}, which belongs to {taken.__name__}; choose another."
            )
        self._classes[name] = cls
        return cls

    def get(self, identifier: str | T) -> T:
        if isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, str) and identifier in self._classes:
            return self._classes[identifier]()
        raise InputError(
            f"{self.argument}: expected one of {', '.join(self._classes)}, or an instance of "
            f"{self.base.__module__}.{self.base.__name__}; received {identifier!r}."
        )

    def is_registered(self, instance: T) -> bool:
        return self._classes.get(instance.name) is type(instance)

    def names(self) -> tuple[str, ...]:
        return tuple(self._classes)

    def classes(self) -> tuple[type[T], ...]:
        return tuple(self._classes.values())

    def descriptions(self) -> dict[str, str]:
        return {name: cls.description for name, cls in self._classes.items()}
